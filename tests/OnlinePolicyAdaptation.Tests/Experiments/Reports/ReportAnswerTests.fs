/// What a report says in words, from numbers that are given.
module OnlinePolicyAdaptation.Tests.Experiments.Reports.ReportAnswer

open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private estimate mean = { Mean = mean; HalfWidth = 0.01 }

/// What some seeds earn, with some chance that all policies share, and some that they do not.
let private bySeed mean own =
    [|
        for seed in 0..9 -> mean + 0.2 * float (seed - 4) + own * (if seed % 2 = 0 then 1.0 else -1.0)
    |]

/// A contender after the change that earns so much at the end.
let private after contender mean =
    {
        Contender = contender
        Phase = Phase.After
        Reward = estimate -0.3
        RewardAtEnd = estimate mean
        SeedRewardsAtEnd = bySeed mean 0.0
        ShareOfOptimum = mean / 0.5
        Violations = estimate 0.0
        Excess = estimate 0.0
        CpuCores = estimate 5.0
        ModelError = estimate 0.0
        Adapted = [| ValueNone |]
        AdaptationSeconds = [||]
        AdaptationCycles = infinity
        DetectionDelays = [||]
        FalseAlarms = nan
        MedianDecisionSeconds = 0.002
        SlowestSeedDecisionSeconds = 0.003
    }

let private basePolicy = after Contender.Base -0.2
let private optimum = after Contender.Optimum 0.5

/// The small scenario's outcome with other numbers.
let private told test =
    SmallScenario.withScenario (fun _ scenario ->
        let outcome =
            (SmallScenario.results
                { scenario with
                    Experiment.Cycles = 12
                    Experiment.Seeds = 1
                })
                .Outcome

        test (fun horizons summary ->
            { outcome with
                Settings =
                    { outcome.Settings with
                        Cycles = 30
                        Lookahead = horizons
                        SecondsPerCycle = Some 35.0
                    }
                Summary = basePolicy :: optimum :: summary
            }))

[<Tests>]
let tests =
    testList
        "Experiments.Reports.ReportAnswer"
        [
            test "the answer is one sentence with the numbers that decide" {
                told (fun outcome ->
                    let rollout =
                        { after (Contender.Rollout 3) 0.49 with
                            Adapted = [| ValueSome 4; ValueSome 8; ValueSome 5 |]
                        }

                    Expect.equal
                        (ReportAnswer.sentence (outcome [ 3 ] [ rollout ]))
                        "Rollout with lookahead l = 3 recovers from the change within 5 cycles (median over 3 seeds, at most 8): over the last 5 cycles it earns 0.490 ± 0.010 per cycle, 98 % of the optimum's 0.500, where the unchanged base policy (optimal) earns -0.200 ± 0.010."
                        "in words")
            }

            test "recovering is told from merely improving, and both from making it worse" {
                told (fun outcome ->
                    let sentence mean adapted =
                        ReportAnswer.sentence (
                            outcome
                                [ 3 ]
                                [
                                    { after (Contender.Rollout 3) mean with
                                        Adapted = adapted
                                    }
                                ]
                        )

                    let never = [| ValueNone |]
                    Expect.stringContains (sentence 0.49 never) "l = 3 recovers" "as good as the optimum"

                    Expect.stringContains
                        (sentence 0.2 never)
                        "improves on the base policy but does not recover"
                        "between"

                    Expect.stringContains (sentence -0.2 never) "cannot be told from the base policy" "equal"

                    Expect.stringContains
                        (sentence -0.21 never)
                        "ends worse than the base policy"
                        "by little, in every seed"

                    Expect.stringContains (sentence -0.4 never) "ends worse than the base policy" "below"

                    Expect.stringContains
                        (sentence 0.49 [| ValueSome 4; ValueNone; ValueNone |])
                        "with 1 of 3 seeds"
                        "some seeds")
            }

            test "where shorter lookahead is not enough, the findings say so" {
                told (fun outcome ->
                    let findings =
                        ReportAnswer.findings (
                            outcome [ 1; 3 ] [ after (Contender.Rollout 1) -0.4; after (Contender.Rollout 3) 0.49 ]
                        )

                    Expect.equal
                        findings.Head
                        "With l = 1 rollout ends worse than the base policy: -0.400 ± 0.010 per cycle at the end; no seed adapts."
                        "l = 1")
            }

            test "retraining and rollout are compared by what they earn, compute and measure" {
                told (fun outcome ->
                    let adapted cycles seconds s =
                        { s with
                            Adapted = [| ValueSome cycles |]
                            AdaptationSeconds = [| seconds |]
                            AdaptationCycles = float cycles
                        }

                    let retrained =
                        { adapted 1 1.5 (after (Contender.Retrained false) 0.5) with
                            AdaptationCycles = 900.0
                        }

                    let rollout = adapted 4 0.015 (after (Contender.Rollout 3) 0.495)
                    let findings = ReportAnswer.findings (outcome [ 3 ] [ rollout; retrained ])

                    Expect.contains
                        findings
                        "A policy retrained on the new system earns 0.500 ± 0.010 at the end, 0.005 ± 0.000 more than rollout's 0.495 ± 0.010. Retraining computes for 1.5 s, rollout for 15 ms until it has adapted (100 times less); retraining needs 900 measurements of the new system first (8.75 h), rollout 4 (2.33 min)."
                        "in words")
            }

            test "what differs from seed to seed by chance is not told apart" {
                told (fun outcome ->
                    let rollout =
                        { after (Contender.Rollout 3) -0.19 with
                            SeedRewardsAtEnd = bySeed -0.19 0.05
                        }

                    Expect.stringContains
                        (ReportAnswer.sentence (outcome [ 3 ] [ rollout ]))
                        "cannot be told from the base policy"
                        "0.01 more on average, 0.05 less in half of the seeds")
            }

            test "where nothing was run after the change, nothing is claimed" {
                told (fun outcome ->
                    let nothing =
                        { outcome [ 3 ] [] with
                            Summary = [ { basePolicy with Phase = Phase.Before } ]
                        }

                    Expect.stringContains (ReportAnswer.sentence nothing) "did not change" "said"
                    Expect.isEmpty (ReportAnswer.findings nothing) "no findings")
            }
        ]
