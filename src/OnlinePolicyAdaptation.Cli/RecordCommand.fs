/// opar record: a trace of a scenario's simulated mesh.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.RecordCommand

open System.IO
open System.Threading
open Argu
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

let private record (arguments: ParseResults<RecordArguments>) (scenario: Scenario) (simulation: SimulationPart) =
    let out = arguments.GetResult RecordArguments.Out
    AtomicFile.RequireFolder out

    let intervals =
        arguments.GetResult(RecordArguments.Intervals, simulation.Recording.Intervals)

    let seed = arguments.GetResult(RecordArguments.Seed, simulation.Recording.Seed)

    let parameters =
        match arguments.Contains RecordArguments.After_Change, List.tryLast scenario.Experiment.Changes with
        | false, _ -> Ok simulation.Mesh
        | true, Some change -> Ok(Option.defaultValue simulation.Mesh change.Mesh)
        | true, None ->
            Error $"--after-change: scenario {scenario.Name} has no field experiment.changes: it does not change"

    match parameters with
    | Error message -> Error message
    | Ok _ when intervals < 1 -> Error $"--intervals: {intervals}; expected at least 1"
    | Ok parameters ->
        let rows =
            Recording.record scenario simulation parameters intervals (RandomKey(uint64 seed)) CancellationToken.None
            |> _.GetAwaiter().GetResult()

        Recording.write out scenario simulation (not (arguments.Contains Without_Statistics)) rows

        printfn
            $"{Path.GetFullPath out}: {rows.Count} intervals over {scenario.System.Grid.ConfigurationCount} configurations"

        Ok()

let run (arguments: ParseResults<RecordArguments>) =
    Scenario.load (arguments.GetResult RecordArguments.Scenario)
    |> Result.bind (fun scenario ->
        match scenario.Simulation with
        | Some simulation -> record arguments scenario simulation
        | None -> Error $"scenario {scenario.Name} has no field simulation, so there is no mesh to record")
