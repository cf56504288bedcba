module OnlinePolicyAdaptation.Tests.Experiments.PlanningStudy



open System.IO
open System.Text.RegularExpressions
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Tests

let private scenario1 =
    Path.Combine(Repository.folder, "scenarios", "1-two-services")

let private orFail result =
    match result with
    | Ok value -> value
    | Error message -> failtest message

let private study =
    lazy
        (let scenario = Scenario.load scenario1 |> orFail
         let problem = PlanningProblem.load scenario None |> orFail

         PlanningStudy.run
             problem
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
                     ]
                 Horizons = [ 1; 2 ]
                 TimedStates = 2
                 TimedSeconds = 0.0
             }
         |> orFail)

/// The smallest difference between two arrays of values.
let private leastGain (before: float[]) (after: float[]) =
    Array.map2 (fun b a -> a - b) before after |> Array.min

[<Tests>]
let tests =
    testList
        "Experiments.PlanningStudy"
        [
            test "scenario 1 is a problem worth solving: some states miss an objective, and the optimum earns" {
                let study = study.Value
                let problem = study.Problem

                let missed =
                    Array.init problem.Model.StateCount (fun state ->
                        let times = problem.ResponseTimes[state].ToArray()

                        times
                        |> Array.mapi (fun i d -> problem.Scenario.Reward.Excess(i, d))
                        |> Array.sum)
                    |> Array.filter (fun excess -> excess > 0.0)

                Expect.equal problem.Model.StateCount 900 "states"
                Expect.isTrue (missed.Length > 90 && missed.Length < 810) $"{missed.Length} states miss an objective"
                Expect.isGreaterThan (Array.min study.Optimum.Values) 0.0 "the optimum earns from every state"
            }

            test "every rollout policy is nowhere worse than its base policy, and none better than the optimum" {
                let study = study.Value
                Expect.hasLength study.Rollouts 6 "two bases joint, one multiagent, two horizons"

                for rollout in study.Rollouts do
                    let name = PlanningStudy.rolloutName rollout
                    let basePolicy = study.Bases |> List.find (fun b -> b.Base.Name = rollout.Base.Name)
                    Expect.isGreaterThan (leastGain basePolicy.Values rollout.Values) -1e-9 name
                    Expect.isGreaterThan (leastGain rollout.Values study.Optimum.Values) -1e-9 name
            }

            test "an episode has a reward per cycle and starts at the start state" {
                let study = study.Value

                for episode in study.Episodes do
                    Expect.hasLength episode.Rewards 20 episode.Name
                    Expect.equal episode.Configurations[0] study.Problem.Scenario.Start episode.Name
            }

            test "the page needs nothing from elsewhere and has a chart for every figure" {
                let html = PlanningReport.html study.Value "run"
                Expect.isEmpty (Regex.Matches(html, "<(script|link|img)[^>]+(src|href)=\"(?!data:)")) "all inline"

                Expect.equal
                    (Regex.Matches(html, "<div class=\"chart\"").Count)
                    6
                    "two of values, times, a Newton step, two of episodes"
            }
        ]
