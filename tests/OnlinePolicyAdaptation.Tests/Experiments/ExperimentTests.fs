module OnlinePolicyAdaptation.Tests.Experiments.Experiment

open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private run scenario threads =
    Experiment.run scenario (SmallScenario.traces scenario) Map.empty threads ignore CancellationToken.None
    |> _.GetAwaiter().GetResult()

/// All that a run decided and measured, without the time it took.
let private decisions (result: ExperimentResult) =
    [
        for o in result.Observations ->
            o.Contender, o.Seed, o.Phase, o.Timed.Record.Metrics, o.Timed.Record.Predicted, o.Timed.Record.Reward
    ]

let private rewardAfter contender (summary: PhaseSummary list) =
    summary
    |> List.find (fun s -> s.Contender = contender && s.Phase = Phase.After)
    |> _.Reward

[<Tests>]
let tests =
    testList
        "Experiments.Experiment"
        [
            test "the same seeds give the same records on one thread and on two" {
                SmallScenario.withScenario (fun _ scenario ->
                    let one = run scenario 1 |> decisions
                    Expect.equal (run scenario 1 |> decisions) one "again"
                    Expect.equal (run scenario 2 |> decisions) one "two threads")
            }

            test "every contender runs every seed and cycle once" {
                SmallScenario.withScenario (fun _ scenario ->
                    let keys =
                        (run scenario 2).Observations
                        |> Array.map (fun o -> o.Contender.Name, o.Seed, o.Timed.Record.Cycle)

                    let expected =
                        [|
                            for contender in [ "base"; "rollout-l3"; "optimum" ] do
                                for seed in 1..3 do
                                    for cycle in 0..29 -> contender, seed, cycle
                        |]

                    Expect.equal keys expected "in order")
            }

            test "rollout recovers from a change that the base policy does not" {
                SmallScenario.withScenario (fun _ scenario ->
                    let summary =
                        Summary.ofResult (
                            run
                                { scenario with
                                    Experiment.Seeds = 8
                                    Experiment.Cycles = 40
                                }
                                2
                        )

                    let rollout = rewardAfter (Contender.Rollout 3) summary
                    let basePolicy = rewardAfter Contender.Base summary
                    Expect.isLessThan basePolicy.Mean -0.15 "about 0.12 s - 0.3 s"

                    Expect.isGreaterThan
                        (rollout.Mean - rollout.HalfWidth)
                        (basePolicy.Mean + basePolicy.HalfWidth)
                        "intervals do not overlap")
            }

            test "a retrained policy acts after the change alone, and only seeds that adapted count in what it took" {
                SmallScenario.withScenario (fun _ scenario ->
                    let scenario = { scenario with Experiment.Cycles = 50 }
                    let traces = SmallScenario.traces scenario

                    let optimum =
                        match RecordedSystem.responseTimes scenario traces.After (RandomKey 1UL) with
                        | Ok times ->
                            OptimalPolicy.create scenario.System.Grid scenario.Goal.Reward scenario.Goal.Discount times
                        | Error message -> failtest message

                    let keep =
                        { new IPolicy<SystemState, ControlAction> with
                            member _.Act(_, _, _) =
                                ControlAction.Keep scenario.System.Grid.Controls.Count
                        }

                    let retrainer: Retrainer =
                        fun _ _ warm seed ->
                            {
                                Policy = if warm && seed > 1 then keep else optimum
                                Training = System.TimeSpan.FromSeconds(float seed + (if warm then 10.0 else 0.0))
                            }

                    let result =
                        Experiment.run
                            scenario
                            traces
                            (Experiment.retrain scenario traces 2 retrainer CancellationToken.None)
                            2
                            ignore
                            CancellationToken.None
                        |> _.GetAwaiter().GetResult()

                    for o in result.Observations do
                        match o.Contender, o.Phase with
                        | Contender.Retrained true, Phase.After when o.Seed > 1 ->
                            Expect.isTrue o.Timed.Record.Action.IsKeep "the retrained one"
                        | _ -> ()

                    let summary = Summary.ofResult result

                    let after contender =
                        summary |> List.find (fun s -> s.Contender = contender && s.Phase = Phase.After)

                    let scratch = after (Contender.Retrained false)
                    let warm = after (Contender.Retrained true)
                    Expect.equal scratch.AdaptationSeconds [| 1.0; 2.0; 3.0 |] "from scratch"
                    Expect.equal scratch.AdaptationCycles 120.0 "the whole recording"
                    Expect.floatClose Accuracy.high scratch.ShareOfOptimum 1.0 "it is the optimum"
                    Expect.equal warm.AdaptationSeconds [| 11.0 |] "warm, the one seed that adapts"
                    Expect.isTrue (System.Double.IsInfinity warm.AdaptationCycles) "most seeds do not"
                    Expect.equal (after Contender.Optimum).AdaptationCycles 120.0 "told of what was recorded"

                    let header, rows =
                        (ExperimentResults.ofExperiment "opar run" None result).Outcome
                        |> ReportTables.adaptation

                    Expect.equal
                        (rows |> List.map (List.item 1))
                        [ "0 of 3"; "3 of 3"; "3 of 3"; "1 of 3"; "3 of 3" ]
                        "seeds"

                    Expect.all rows (fun row -> row.Length = header.Length) "cells")
            }

            test "base policies are named by their kind, and one that is the scenario's own is not compared with itself" {
                SmallScenario.withScenario (fun _ scenario ->
                    let names =
                        Contenders.basePolicies
                            { scenario with
                                Experiment.AlsoBasePolicies =
                                    [
                                        BasePolicySpecification.Random
                                        BasePolicySpecification.Optimal
                                        BasePolicySpecification.Greedy 0.1
                                        BasePolicySpecification.Greedy 0.2
                                    ]
                            }
                        |> List.map fst

                    Expect.equal names [ "optimal"; "random"; "greedy"; "greedy-2" ] "names")
            }

            test "the end of a run is its last 20 cycles, or its last quarter" {
                SmallScenario.withScenario (fun _ scenario ->
                    let result =
                        run
                            { scenario with
                                Experiment.Seeds = 1
                                Experiment.Cycles = 30
                            }
                            2

                    let last =
                        result.Observations
                        |> Array.filter (fun o -> o.Contender = Contender.Base && o.Timed.Record.Cycle >= 25)
                        |> Array.averageBy (fun o -> ValueOption.defaultValue nan o.Timed.Record.Reward)

                    let atEnd =
                        Summary.ofResult result
                        |> List.find (fun s -> s.Contender = Contender.Base && s.Phase = Phase.After)

                    Expect.floatClose Accuracy.high atEnd.RewardAtEnd.Mean last "5 of 20 cycles after the change"
                    Expect.equal (Adaptation.cyclesAtEnd 150) 20 "the last 20"
                    Expect.equal (Adaptation.cyclesAtEnd 2) 1 "at least one")
            }

            test "a change at cycle 0 leaves no cycle before it, one after the end none after it" {
                SmallScenario.withScenario (fun _ scenario ->
                    let phases changeAt =
                        (run
                            { scenario with
                                Experiment.Changes =
                                    [
                                        for change in scenario.Experiment.Changes ->
                                            { change with FromCycle = changeAt }
                                    ]
                                Experiment.Cycles = 5
                                Experiment.Seeds = 1
                            }
                            2)
                            .Observations
                        |> Array.map _.Phase
                        |> Array.distinct

                    Expect.equal (phases 0) [| Phase.After |] "at once"
                    Expect.equal (phases 5) [| Phase.Before |] "never")
            }

            Shared.test
                "on the published traces optimum > rollout l = 3 > base after the change"
                "traces"
                (fun folder ->
                    match Scenario.load (Path.Combine(Repository.folder, "scenarios", "2-system-change")) with
                    | Error message -> failtest message
                    | Ok scenario ->
                        let summary =
                            run
                                { scenario with
                                    Controller.BasePolicy = BasePolicySpecification.Optimal
                                    Experiment.Horizons = [ 3 ]
                                    Experiment.AlsoForgetting = []
                                    Experiment.AlsoBasePolicies = []
                                    Experiment.Seeds = 5
                                    Experiment.TraceBefore = Some(Path.Combine(folder, "scenario2_before_change.csv"))
                                    Experiment.Changes =
                                        [
                                            for change in scenario.Experiment.Changes ->
                                                { change with
                                                    Trace = Some(Path.Combine(folder, "scenario2_after_change.csv"))
                                                }
                                        ]
                                }
                                2
                            |> Summary.ofResult

                        let basePolicy = rewardAfter Contender.Base summary
                        let rollout = rewardAfter (Contender.Rollout 3) summary
                        let optimum = rewardAfter Contender.Optimum summary
                        Expect.isGreaterThan optimum.Mean rollout.Mean "optimum above rollout"

                        Expect.isGreaterThan
                            (rollout.Mean - rollout.HalfWidth)
                            (basePolicy.Mean + basePolicy.HalfWidth)
                            "intervals do not overlap")
        ]
