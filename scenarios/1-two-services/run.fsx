// Scenario 1: two services share two nodes, a problem small enough to be solved exactly. The experiment of
// `opar run scenarios/1-two-services` as a script that can be edited; or, with a delay table, planning alone on response times
// of your own.
//
//   dotnet fsi build.fsx build
//   dotnet fsi scenarios/1-two-services/run.fsx [--smoke] [--out DIR]
//   dotnet fsi scenarios/1-two-services/run.fsx --delay-table CSV [--out DIR]

#load "../script.fsx"

open System.IO
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Planning

/// What the script changes of the scenario; add what you like to try, such as `{ scenario with Experiment.Horizons = [ 1; 2; 3 ] }`.
let edit (scenario: Scenario) = scenario

/// What an operator might write down: while a service misses its objective, give both nodes a core; otherwise move load off
/// node 1, whose use is charged for, service 2 first; then take a core away, from node 1 first.
let byHand (problem: PlanningProblem) state =
    let grid = problem.Scenario.System.Grid
    let levels = (grid.ConfigurationAt state).Levels
    let times = problem.ResponseTimes[state].ToArray()

    let missed =
        times
        |> Array.mapi (fun i d -> problem.Scenario.Goal.Reward.Excess(i, d))
        |> Array.sum

    let moves =
        match missed > 0.0, levels[3], levels[2], levels[0], levels[1] with
        | true, _, _, _, _ -> [ 1; 1; 0; 0 ]
        | _, p2, _, _, _ when p2 > 0 -> [ 0; 0; 0; -1 ]
        | _, _, p1, _, _ when p1 > 0 -> [ 0; 0; -1; 0 ]
        | _, _, _, c1, _ when c1 > 0 -> [ -1; 0; 0; 0 ]
        | _, _, _, _, c2 when c2 > 0 -> [ 0; -1; 0; 0 ]
        | _ -> [ 0; 0; 0; 0 ]

    grid.IndexOf(Network.ControlAction(Mdp.EquatableArray.ToEquatableArray moves))

/// Rollout of a greedy, a random and the hand-written policy where the response times are those of a table.
let planOn table out =
    Scenario.load __SOURCE_DIRECTORY__
    |> Result.bind (fun scenario ->
        match scenario.Experiment.PlanningStudy with
        | None -> Error "scenario.json has no field experiment.planningStudy"
        | Some settings ->
            PlanningProblem.load scenario (Some table)
            |> Result.bind (fun problem ->
                let hand = Array.init problem.Model.StateCount (byHand problem)

                PlanningStudy.run
                    problem
                    settings
                    [
                        {
                            Name = "greedy"
                            Policy = PlannedBase.Greedy
                        }
                        {
                            Name = "random"
                            Policy = PlannedBase.Random
                        }
                        {
                            Name = "hand-written"
                            Policy = PlannedBase.Table("hand-written", hand)
                        }
                    ])
            |> Result.map (fun study ->
                let page = Path.Combine(out, "report.html")
                let command = $"dotnet fsi scenarios/1-two-services/run.fsx --delay-table {table}"
                Directory.CreateDirectory out |> ignore
                AtomicFile.Write(page, (fun text -> text.Write(PlanningReport.html scenario study command)))
                Script.print (PlanningReport.table study)
                printfn "%s\n\nreport: %s" (PlanningReport.answer study) (Path.GetFullPath page)))

match List.tail (List.ofArray fsi.CommandLineArgs) with
| "--delay-table" :: table :: rest ->
    match rest with
    | []
    | [ "--out"; _ ] ->
        let out =
            match rest with
            | [ _; folder ] -> folder
            | _ -> Path.Combine("results", "1-two-services-table")

        match planOn table out with
        | Ok() -> ()
        | Error message ->
            eprintfn "run.fsx: %s" message
            exit 1
    | other :: _ ->
        eprintfn "run.fsx: %s: expected --out DIR after --delay-table CSV" other
        exit 2
| _ -> Script.run "1-two-services" [] (fun _ -> __SOURCE_DIRECTORY__) edit (fun _ -> Ok())
