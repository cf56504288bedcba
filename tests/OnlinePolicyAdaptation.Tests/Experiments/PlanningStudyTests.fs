module OnlinePolicyAdaptation.Tests.Experiments.PlanningStudy



open System.IO
open System.Threading
open System.Text.RegularExpressions
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private scenario1 =
    Path.Combine(Repository.folder, "scenarios", "1-two-services")

let private orFail result =
    match result with
    | Ok value -> value
    | Error message -> failtest message

let private problem =
    lazy
        (Scenario.load scenario1
         |> Result.bind (fun scenario -> PlanningProblem.load scenario None)
         |> orFail)

let private study =
    lazy
        (PlanningStudy.run
            problem.Value
            {
                Horizons = [ 1; 2 ]
                TimedStates = 2
                TimedSeconds = 0.0
            }
            [
                {
                    Name = "greedy"
                    Policy = PlannedBase.Greedy
                }
                {
                    Name = "random"
                    Policy = PlannedBase.Random
                }
            ]
         |> orFail)

[<Tests>]
let tests =
    testList
        "Experiments.PlanningStudy"
        [
            test "scenario 1 is a problem worth solving: some states miss an objective, and the optimum earns" {
                let study = study.Value
                Expect.equal study.States 900 "states"
                Expect.isTrue (study.StatesMissing > 90 && study.StatesMissing < 810) $"{study.StatesMissing} miss"
                Expect.isGreaterThan study.Optimum.AtStart 0.0 "the optimum earns"
            }

            test "every rollout policy is no worse than its base policy, and none better than the optimum" {
                let study = study.Value
                Expect.hasLength study.Rollouts 6 "two bases joint, one multiagent, two horizons"

                for rollout in study.Rollouts do
                    let basePolicy = study.Bases |> List.find (fun b -> b.Name = rollout.Base)

                    for measure in [ _.AtStart; _.Mean ] do
                        let value = measure rollout.Value
                        Expect.isGreaterThan value (measure basePolicy.Value - 1e-9) rollout.Name
                        Expect.isLessThan value (measure study.Optimum + 1e-9) rollout.Name
            }

            test "an episode has a reward per cycle" {
                for episode in study.Value.Episodes do
                    Expect.hasLength episode.Rewards problem.Value.Scenario.Experiment.Cycles episode.Name
            }

            test "the study of a scenario is of all its base policies, and none where it asks for none" {
                let scenario = problem.Value.Scenario

                let small =
                    { scenario with
                        Controller.BasePolicy = BasePolicySpecification.Static
                        Experiment.AlsoBasePolicies =
                            [ BasePolicySpecification.Greedy 0.001; BasePolicySpecification.Random ]
                        Experiment.PlanningStudy =
                            Some
                                {
                                    Horizons = [ 1 ]
                                    TimedStates = 1
                                    TimedSeconds = 0.0
                                }
                    }

                match PlanningStudy.ofScenario CancellationToken.None small |> orFail with
                | None -> failtest "no study"
                | Some made ->
                    Expect.equal (made.Bases |> List.map _.Name) [ "static"; "greedy"; "random" ] "bases"

                    let greedy =
                        study.Value.Bases |> List.find (fun basePolicy -> basePolicy.Name = "greedy")

                    Expect.equal made.Bases[1].Value greedy.Value "greedy as the planner knows it"

                Expect.isNone
                    (PlanningStudy.ofScenario
                        CancellationToken.None
                        { small with
                            Experiment.PlanningStudy = None
                        }
                     |> orFail)
                    "none asked for"
            }

            test "the page needs nothing from elsewhere and has a chart for every figure" {
                let html = PlanningReport.html problem.Value.Scenario study.Value "run"
                Expect.isEmpty (Regex.Matches(html, "<(script|link|img)[^>]+(src|href)=\"(?!data:)")) "all inline"

                Expect.equal
                    (Regex.Matches(html, "<div class=\"chart\"").Count)
                    6
                    "two of values, times, a Newton step, two of episodes"
            }
        ]
