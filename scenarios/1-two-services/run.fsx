// Scenario 1: what rollout makes of simple base policies, on a problem small enough to be solved exactly.
//
//   dotnet fsi build.fsx build
//   dotnet fsi scenarios/1-two-services/run.fsx [--smoke] [--delay-table CSV] [--out DIR]

#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Domain.dll"
#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Planning.dll"
#r "../../.artifacts/bin/OnlinePolicyAdaptation.Experiments/release/OnlinePolicyAdaptation.Experiments.dll"

open System
open System.IO
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Planning

type Options =
    {
        Smoke: bool
        DelayTable: string option
        Out: string
    }

let rec parse options arguments =
    match arguments with
    | [] -> Ok options
    | "--smoke" :: rest -> parse { options with Smoke = true } rest
    | "--delay-table" :: path :: rest -> parse { options with DelayTable = Some path } rest
    | "--out" :: path :: rest -> parse { options with Out = path } rest
    | other :: _ -> Error $"{other}: expected --smoke, --delay-table CSV or --out DIR"

/// What an operator might write down: while a service misses its objective, give both nodes a core; otherwise move
/// load off node 1, whose use is charged for, service 2 first; then take a core away, from node 1 first.
let byHand (problem: PlanningProblem) state =
    let grid = problem.Scenario.Grid
    let levels = (grid.ConfigurationAt state).Levels
    let times = problem.ResponseTimes[state].ToArray()

    let missed =
        times
        |> Array.mapi (fun i d -> problem.Scenario.Reward.Excess(i, d))
        |> Array.sum

    let moves =
        match missed > 0.0, levels[3], levels[2], levels[0], levels[1] with
        | true, _, _, _, _ -> [ 1; 1; 0; 0 ]
        | _, p2, _, _, _ when p2 > 0 -> [ 0; 0; 0; -1 ]
        | _, _, p1, _, _ when p1 > 0 -> [ 0; 0; -1; 0 ]
        | _, _, _, c1, _ when c1 > 0 -> [ -1; 0; 0; 0 ]
        | _, _, _, _, c2 when c2 > 0 -> [ 0; -1; 0; 0 ]
        | _ -> [ 0; 0; 0; 0 ]

    grid.IndexOf(ControlAction(EquatableArray.ToEquatableArray moves))

/// The scenario's own base policy, a trained network, as a table.
let trained (problem: PlanningProblem) =
    let scenario = problem.Scenario

    let dynamics =
        NetworkDynamics(scenario.Grid, scenario.Reward, problem.ResponseTimes)

    GivenPolicy.create scenario.Grid scenario.Topology scenario.Reward scenario.Discount scenario.BasePolicy (fun () ->
        Ok problem.ResponseTimes)
    |> Result.bind (fun policy -> NetworkModel.policy dynamics problem.Loads policy (RandomKey 0UL) problem.Model)
    |> Result.map (FinitePolicy.actions problem.Model)

let settings options (problem: PlanningProblem) trained =
    let hand = Array.init problem.Model.StateCount (byHand problem)

    {
        Bases =
            [
                {
                    Name = "greedy"
                    Policy = BasePolicy.Greedy
                }
                {
                    Name = "random"
                    Policy = BasePolicy.Random
                }
                {
                    Name = "hand-written"
                    Policy = BasePolicy.Table("hand-written", hand)
                }
                {
                    Name = "trained"
                    Policy = BasePolicy.Table("trained", trained)
                }
            ]
        Horizons =
            if options.Smoke then
                [ 1; 2 ]
            else
                problem.Scenario.Horizons
        TimedStates = if options.Smoke then 5 else 60
        TimedSeconds = if options.Smoke then 0.001 else 0.02
    }

let command options =
    [
        "dotnet fsi scenarios/1-two-services/run.fsx"
        if options.Smoke then
            "--smoke"
        match options.DelayTable with
        | Some path -> $"--delay-table {path}"
        | None -> ()
    ]
    |> String.concat " "

let write options study =
    Directory.CreateDirectory options.Out |> ignore
    let path = Path.Combine(options.Out, "report.html")
    AtomicFile.Write(path, (fun text -> text.Write(PlanningReport.html study (command options))))
    let header, rows = PlanningReport.table study

    for row in header :: rows do
        printfn
            "%s"
            (String.Join(
                "  ",
                row
                |> List.mapi (fun i cell -> if i = 0 then cell.PadRight 42 else cell.PadLeft 24)
            ))

    printfn "\n%s\n\nreport: %s" (PlanningReport.answer study) (Path.GetFullPath path)

let run options =
    Scenario.load __SOURCE_DIRECTORY__
    |> Result.bind (fun scenario -> PlanningProblem.load scenario options.DelayTable)
    |> Result.bind (fun problem ->
        trained problem
        |> Result.bind (settings options problem >> PlanningStudy.run problem))
    |> Result.map (write options)

let defaults =
    {
        Smoke = false
        DelayTable = None
        Out = Path.Combine("results", "1-two-services")
    }

match parse defaults (List.tail (List.ofArray fsi.CommandLineArgs)) with
| Error message ->
    eprintfn "run.fsx: %s" message
    exit 2
| Ok options ->
    match run options with
    | Ok() -> ()
    | Error message ->
        eprintfn "run.fsx: %s" message
        exit 1
