/// opar record: a trace of a scenario's simulated mesh.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.RecordCommand

open System.IO
open System.Threading
open Argu
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments

let private record (arguments: ParseResults<RecordArguments>) (scenario: Scenario) (simulation: Simulation) =
    let out = arguments.GetResult RecordArguments.Out

    let intervals =
        arguments.GetResult(RecordArguments.Intervals, simulation.Recording.Intervals)

    let seed = arguments.GetResult(RecordArguments.Seed, simulation.Recording.Seed)

    let phase =
        if arguments.Contains After_Change then
            Phase.After
        else
            Phase.Before

    if intervals < 1 then
        Error $"--intervals: {intervals}; expected at least 1"
    else
        let rows =
            Recording.record scenario simulation phase intervals (RandomKey(uint64 seed)) CancellationToken.None
            |> _.GetAwaiter().GetResult()

        Recording.write out scenario simulation rows
        printfn $"{Path.GetFullPath out}: {rows.Count} intervals over {scenario.Grid.ConfigurationCount} configurations"
        Ok()

let run (arguments: ParseResults<RecordArguments>) =
    Scenario.load (arguments.GetResult RecordArguments.Scenario)
    |> Result.bind (fun scenario ->
        match scenario.Simulation with
        | Some simulation -> record arguments scenario simulation
        | None -> Error $"scenario {scenario.Name} has no field simulation, so there is no mesh to record")
