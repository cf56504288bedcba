/// The loads at which a system was recorded.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.RecordedLoads

open System.Globalization
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Each load level of a trace once, ascending, the first service's load first.
let levels (trace: TestbedTrace) =
    trace.Rows
    |> Seq.map _.LoadLevels
    |> Seq.distinct
    |> Seq.sortBy (Seq.map _.PerSecond >> List.ofSeq)
    |> Seq.toArray

let private distance (a: EquatableArray<RequestRate>) (b: EquatableArray<RequestRate>) =
    Seq.zip a b
    |> Seq.sumBy (fun (a, b) -> (a.PerSecond - b.PerSecond) * (a.PerSecond - b.PerSecond))

/// The level nearest to some loads, by Euclidean distance; of two as near, the one with the lower loads. `levels` are those of
/// a trace.
let nearest (levels: EquatableArray<RequestRate>[]) loads = levels |> Array.minBy (distance loads)

/// Loads closer than this are the same, written differently.
let private tolerance = 1e-6

/// An error where a load that the scenario names is in none of the traces, of which there is at least one. Where only some
/// have it, the others answer with their nearest: the load may be new to the system.
let check (scenario: Scenario) (traces: TestbedTrace list) =
    let recorded = traces |> Seq.collect levels |> Seq.distinct |> Seq.toArray

    let isRecorded service (load: RequestRate) =
        recorded
        |> Array.exists (fun level -> abs (level[service].PerSecond - load.PerSecond) < tolerance)

    let missing =
        scenario.OfferedLoads
        |> List.indexed
        |> List.tryPick (fun (service, offered) ->
            OfferedLoad.named offered
            |> List.tryFind (isRecorded service >> not)
            |> Option.map (fun load -> service, load))

    match missing with
    | None -> Ok()
    | Some(service, load) ->
        let number (rate: RequestRate) =
            rate.PerSecond.ToString CultureInfo.InvariantCulture

        let paths = traces |> Seq.map _.Path |> Seq.distinct |> String.concat ", "

        let known =
            recorded
            |> Seq.map (fun level -> level[service])
            |> Seq.distinct
            |> Seq.sortBy _.PerSecond
            |> Seq.map number
            |> String.concat ", "

        Error
            $"{paths}: service {scenario.Topology.Services[service]} was not recorded at {number load} req/s; expected one of {known}"
