/// The loads at which a system was recorded.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.RecordedLoads

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Each load level of a trace once, ascending, the first service's load first.
let levels (trace: TestbedTrace) =
    trace.Rows
    |> Seq.map _.LoadLevels
    |> Seq.distinct
    |> Seq.sortBy (Seq.map _.PerSecond >> List.ofSeq)
    |> Seq.toArray

/// The level nearest to some loads; of two as near, the one with the lower loads. `levels` are those of a trace.
let nearest (levels: EquatableArray<RequestRate>[]) loads = LoadLevels.Nearest(levels, loads)

/// The trace of a scenario's system. Where it does not say for which loads it was configured, the load levels are those that
/// the system model tells apart.
let read (scenario: Scenario) path =
    let trace =
        TestbedTrace.Read(path, scenario.System.Grid, scenario.Experiment.Columns)

    if
        scenario.Experiment.Columns.Services
        |> Seq.exists (fun columns -> isNull columns.LoadLevel)
    then
        trace.AtLoadLevels(SampleWindow.quantised scenario.Controller.Estimation)
    else
        trace

/// Whether loads are the same for the system model, one of them being recorded.
let isAlike (scenario: Scenario) (load: RequestRate) (recorded: RequestRate) =
    abs (load.PerSecond - recorded.PerSecond) < 0.49 * scenario.Controller.Estimation.LoadStep

/// An error where a load that the scenario names is in none of the traces, of which there is at least one. Where only some
/// have it, the others answer with their nearest: the load may be new to the system.
let check (scenario: Scenario) (traces: TestbedTrace list) =
    let recorded = traces |> Seq.collect levels |> Seq.distinct |> Seq.toArray

    let isRecorded service (load: RequestRate) =
        recorded |> Array.exists (fun level -> isAlike scenario load level[service])

    let missing =
        Scenario.offeredLoads scenario.Experiment
        |> List.collect List.indexed
        |> List.tryPick (fun (service, offered) ->
            OfferedLoad.named offered
            |> List.tryFind (isRecorded service >> not)
            |> Option.map (fun load -> service, load))

    match missing with
    | None -> Ok()
    | Some(service, load) ->
        let paths = traces |> Seq.map _.Path |> Seq.distinct |> String.concat ", "

        let known =
            recorded
            |> Seq.map (fun level -> level[service])
            |> Seq.distinct
            |> Seq.sortBy _.PerSecond
            |> Seq.map Numbers.rate
            |> String.concat ", "

        Error
            $"{paths}: service {scenario.System.Topology.Services[service]} was not recorded at {Numbers.rate load} req/s; expected one of {known}"
