module OnlinePolicyAdaptation.Tests.Experiments.ExactComparison

open System
open System.IO
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private totals scenario horizons steps =
    match ExactComparison.run scenario horizons steps with
    | Ok totals -> totals
    | Error message -> failtest message

/// A scenario on other traces, its base policy the optimum of the first.
let private onTraces name before after =
    match Scenario.load (Path.Combine(Repository.folder, "scenarios", name)) with
    | Error message -> failtest message
    | Ok scenario ->
        { scenario with
            Controller.BasePolicy = BasePolicySpecification.Optimal
            Experiment.TraceBefore = Some before
            Experiment.Changes =
                [
                    for change in scenario.Experiment.Changes -> { change with Trace = Some after }
                ]
        }

/// The published numbers have three decimals, on another forest.
let private near name (expected: float) (actual: float) =
    Expect.isLessThan (abs (actual - expected)) 0.0021 $"{name}: {actual} for {expected}"

[<Tests>]
let tests =
    testList
        "Experiments.ExactComparison"
        [
            test "who stays earns the reward of the start in every step" {
                SmallScenario.withScenario (fun _ scenario ->
                    let scenario =
                        { scenario with
                            Controller.BasePolicy = BasePolicySpecification.Static
                        }

                    let found = (totals scenario [] 7).Head

                    let reward (trace: string option) =
                        match
                            PlanningProblem.atEveryLoad
                                { scenario with
                                    Experiment.TraceBefore = trace
                                }
                        with
                        | Error message -> failtest message
                        | Ok problems ->
                            let start = scenario.System.Grid.IndexOf scenario.System.Start
                            let seconds = problems.Head.ResponseTimes[start].ToArray()

                            scenario.Goal.Reward.Reward(
                                scenario.System.Start,
                                scenario.System.Start,
                                ReadOnlySpan seconds
                            )

                    Expect.floatClose
                        Accuracy.high
                        found.BaseBefore
                        (7.0 * reward scenario.Experiment.TraceBefore)
                        "before"

                    Expect.floatClose
                        Accuracy.high
                        found.BaseAfter
                        (7.0 * reward scenario.Experiment.TraceAfter)
                        "after")
            }

            test "with the optimal base policy nothing is lost before the change" {
                SmallScenario.withScenario (fun _ scenario ->
                    let unchanged =
                        { scenario with
                            Experiment.Changes =
                                [
                                    for change in scenario.Experiment.Changes ->
                                        { change with
                                            Trace = scenario.Experiment.TraceBefore
                                        }
                                ]
                        }

                    let found = (totals unchanged [ 1; 3 ] 8).Head
                    Expect.equal found.BaseAfter found.BaseBefore "the same system"
                    Expect.equal found.Rollouts [ 1, found.BaseBefore; 3, found.BaseBefore ] "nothing to improve"
                    Expect.equal found.Optimum found.BaseBefore "optimal")
            }

            Shared.test "the published results of scenario 2 come out of its published traces" "traces" (fun folder ->
                let file name = Path.Combine(folder, name)

                let found =
                    (totals
                        (onTraces
                            "2-system-change"
                            (file "scenario2_before_change.csv")
                            (file "scenario2_after_change.csv"))
                        [ 1; 2; 3 ]
                        8)
                        .Head

                near "old policy, old system" 3.567 found.BaseBefore
                near "old policy, new system" -0.659 found.BaseAfter

                for expected, (horizon, total) in List.zip [ 1.600; 1.600; 3.795 ] found.Rollouts do
                    near $"l = {horizon}" expected total

                near "optimum" 3.795 found.Optimum)

            Shared.test
                "the published results of scenario 3 come out of its published trace, 15 req/s being new"
                "traces"
                (fun folder ->
                    Scratch.withFolder (fun scratch ->
                        let all = Path.Combine(folder, "scenario3.csv")
                        let seen = Path.Combine(scratch, "seen.csv")
                        let isSeen (line: string) = not (line.StartsWith "3,")
                        File.WriteAllLines(seen, File.ReadLines all |> Seq.filter isSeen)
                        let atLoads = totals (onTraces "3-load-change" seen all) [ 1; 2; 3 ] 8
                        let found = List.last atLoads
                        Expect.equal found.Loads[0].PerSecond 15.0 "load"
                        near "old policy, old system" 2.986 found.BaseBefore
                        near "old policy, new system" 0.077 found.BaseAfter

                        for expected, (horizon, total) in List.zip [ 0.0; 1.040; 1.040 ] found.Rollouts do
                            near $"l = {horizon}" expected total

                        near "optimum" 1.040 found.Optimum))
        ]
