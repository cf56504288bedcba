module OnlinePolicyAdaptation.Tests.Experiments.Experiment

open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Tests

let private run scenario threads =
    Experiment.run scenario (SmallScenario.traces scenario) ValueNone threads ignore CancellationToken.None
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
                    let summary = Summary.ofResult (run { scenario with Seeds = 8; Cycles = 40 } 2)
                    let rollout = rewardAfter (Contender.Rollout 3) summary
                    let basePolicy = rewardAfter Contender.Base summary
                    Expect.isLessThan basePolicy.Mean -0.15 "about 0.12 s - 0.3 s"

                    Expect.isGreaterThan
                        (rollout.Mean - rollout.HalfWidth)
                        (basePolicy.Mean + basePolicy.HalfWidth)
                        "intervals do not overlap")
            }

            test "a retrained policy acts after the change alone, and what it took is reported" {
                SmallScenario.withScenario (fun _ scenario ->
                    let keep = ControlAction.Keep scenario.Grid.Controls.Count

                    let retrainer: Retrainer =
                        fun _ _ warm seed ->
                            {
                                Policy =
                                    { new IPolicy<SystemState, ControlAction> with
                                        member _.Act(_, _, _) = keep
                                    }
                                Training = System.TimeSpan.FromSeconds(float seed + (if warm then 10.0 else 0.0))
                            }

                    let result =
                        Experiment.run
                            scenario
                            (SmallScenario.traces scenario)
                            (ValueSome retrainer)
                            2
                            ignore
                            CancellationToken.None
                        |> _.GetAwaiter().GetResult()

                    for o in result.Observations do
                        match o.Contender, o.Phase with
                        | Contender.Retrained _, Phase.After ->
                            Expect.isTrue o.Timed.Record.Action.IsKeep "the retrained one"
                        | _ -> ()

                    let seconds warm =
                        Summary.ofResult result
                        |> List.find (fun s -> s.Contender = Contender.Retrained warm && s.Phase = Phase.After)
                        |> _.AdaptationSeconds

                    Expect.equal (seconds false) [| 1.0; 2.0; 3.0 |] "from scratch"
                    Expect.equal (seconds true) [| 11.0; 12.0; 13.0 |] "warm"
                    let header, rows = Report.adaptationTable (Summary.ofResult result)
                    Expect.hasLength rows 3 "rollout, and both ways to retrain"
                    Expect.all rows (fun row -> row.Length = header.Length) "cells")
            }

            test "a change at cycle 0 leaves no cycle before it, one after the end none after it" {
                SmallScenario.withScenario (fun _ scenario ->
                    let phases changeAt =
                        (run
                            { scenario with
                                ChangeAt = changeAt
                                Cycles = 5
                                Seeds = 1
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
                                    TraceBefore = Some(Path.Combine(folder, "scenario2_before_change.csv"))
                                    TraceAfter = Some(Path.Combine(folder, "scenario2_after_change.csv"))
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
