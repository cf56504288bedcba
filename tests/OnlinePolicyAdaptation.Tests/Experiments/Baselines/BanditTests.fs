module OnlinePolicyAdaptation.Tests.Experiments.Baselines.Bandit

open Expecto
open FsCheck
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

/// Rewards from -0.12 to 0.8, as in the scenarios.
let private range = { Lowest = -0.12; Highest = 0.8 }

/// Arms whose means are 0.1 apart in units of the range, in no order; arm 4 is best.
let private means = [| 0.3; 0.1; 0.5; 0.4; 0.6; 0.2 |]

let private inRange share =
    range.Lowest + share * (range.Highest - range.Lowest)

let private bandits: (string * (RandomKey -> Bandit)) list =
    [
        "sliding-window UCB", (fun _ -> SlidingWindowUcb.start SlidingWindowUcb.standard range means.Length)
        "discounted Thompson sampling",
        (fun key -> DiscountedThompson.start DiscountedThompson.standard range means.Length (key.Split 0))
        "M-UCB", (fun _ -> MonitoredUcb.start MonitoredUcb.standard range means.Length)
        "Gaussian process",
        (fun _ ->
            ForgettingGaussianProcess.start
                ForgettingGaussianProcess.standard
                range
                [| for arm in 0 .. means.Length - 1 -> [| float arm |] |])
    ]

/// The arms that a bandit plays where in play k arm a earns `mean k a` on average, 0.05 of the range around it.
let private plays (start: RandomKey -> Bandit) (mean: int -> int -> float) count (key: RandomKey) =
    let mutable bandit = start (key.Split 1)

    [|
        for play in 0 .. count - 1 do
            let key = (key.Split 2).Split play
            let mutable noise = (key.Split 0).Sequence()
            let arm = bandit.Arm
            bandit <- bandit.After (key.Split 1) arm (inRange (mean play arm + 0.05 * noise.NextNormal()))
            arm
    |]

let private share arm (arms: int[]) =
    float (arms |> Array.filter ((=) arm) |> Array.length) / float arms.Length

[<Tests>]
let tests =
    testList
        "Experiments.Baselines"
        [
            for name, start in bandits do
                test $"{name} plays the best arm most of the time" {
                    for seed in 1UL .. 5UL do
                        let late = (plays start (fun _ arm -> means[arm]) 600 (RandomKey seed))[300..]
                        Expect.isGreaterThan (share 4 late) 0.6 $"seed {seed}"
                }

                test $"{name} finds the best arm again after the arms have changed" {
                    let mean play arm =
                        if play < 300 then
                            means[arm]
                        else
                            means[means.Length - 1 - arm]

                    for seed in 1UL .. 5UL do
                        let late = (plays start mean 900 (RandomKey seed))[700..]
                        Expect.isGreaterThan (share 1 late) 0.6 $"seed {seed}"
                }

                test $"{name} plays the same arms under the same key" {
                    let played () =
                        plays start (fun _ arm -> means[arm]) 100 (RandomKey 7UL)

                    Expect.equal (played ()) (played ()) "again"
                }

                test $"what {name} learns is in what it returns, not in what it was" {
                    let bandit = start (RandomKey 1UL)
                    let before = bandit.Arm
                    let once = bandit.After (RandomKey 2UL) 3 0.7
                    let again = bandit.After (RandomKey 2UL) 3 0.7
                    Expect.equal bandit.Arm before "unchanged"
                    Expect.equal again.Arm once.Arm "the same"
                }

            test "rewards outside of the range are taken for its ends" {
                Expect.equal (range.Scaled -5.0) 0.0 "below"
                Expect.equal (range.Scaled 5.0) 1.0 "above"
                Expect.floatClose Accuracy.high (range.Scaled 0.34) 0.5 "the middle"
            }

            test "M-UCB plays every arm after a change, and stays where there is none" {
                let quiet =
                    { MonitoredUcb.standard with
                        Uniform = 0.0
                    }

                let start _ =
                    MonitoredUcb.start quiet range means.Length
                // Without noise that matters the best arm stays the best, and no test fires.
                let stay = plays start (fun _ arm -> means[arm]) 400 (RandomKey 3UL)
                Expect.isGreaterThan (share 4 stay[100..]) 0.9 "no change"
                // The best arm becomes the worst: the halves of its window of 4 differ by 2 x 0.6.
                let mean play arm =
                    if play < 200 || arm <> 4 then means[arm] else 0.0

                let changed = plays start mean 300 (RandomKey 3UL)
                Expect.containsAll changed[200..215] [ 0..5 ] "all arms again"
                Expect.isGreaterThan (share 2 changed[260..]) 0.8 "the second best"
            }

            test "who retrains measures each arm once and then plays the best of these" {
                let mutable bandit = ToldRetraining.retraining [| 2; 3; 5; 4; 1; 0 |]
                // On the way to the first arm others are in force.
                bandit <- bandit.After (RandomKey 1UL) 1 0.9

                let played =
                    [
                        for _ in 1..9 do
                            let arm = bandit.Arm
                            bandit <- bandit.After (RandomKey 1UL) arm means[arm]
                            arm
                    ]

                Expect.equal played [ 2; 3; 5; 4; 1; 0; 4; 4; 4 ] "the tour, then the best"
            }

            testProperty "a tour visits each configuration once, moving one control by one level"
            <| fun (PositiveInt a, PositiveInt b, PositiveInt c) ->
                let levels = [| a % 5 + 1; b % 4 + 1; c % 6 + 1 |]
                let tour = ToldRetraining.tour levels

                let digits arm =
                    [|
                        arm / (levels[1] * levels[2])
                        arm / levels[2] % levels[1]
                        arm % levels[2]
                    |]

                Expect.equal (Array.sort tour) [| 0 .. levels[0] * levels[1] * levels[2] - 1 |] "each once"

                for earlier, later in Array.pairwise tour do
                    let moves = Array.map2 (fun x y -> abs (x - y)) (digits earlier) (digits later)

                    Expect.equal (Array.sum moves) 1 $"{earlier} to {later}"

            test "a Gaussian process hopes less for what is near to what was bad" {
                let arms = [| [| 0.0 |]; [| 0.2 |]; [| 1.0 |] |]

                let bandit =
                    ForgettingGaussianProcess.start ForgettingGaussianProcess.standard range arms

                let bandit = bandit.After (RandomKey 1UL) 1 0.3
                let bandit = bandit.After (RandomKey 1UL) 0 -0.12
                Expect.equal bandit.Arm 2 "far away"
            }

            test "baselines are contenders of an experiment, on the same seeds, and read again by name" {
                SmallScenario.withScenario (fun _ scenario ->
                    let result =
                        SmallScenario.run
                            { scenario with
                                Experiment.Seeds = 2
                                Experiment.Cycles = 80
                                Experiment.Baselines = Baseline.all
                            }

                    for baseline in Baseline.all do
                        let contender = Contender.Baseline baseline
                        Expect.equal (Contender.ofName contender.Name) (Some contender) "by name"

                        for seed in 1..2 do
                            let run =
                                result.Observations
                                |> Array.filter (fun o -> o.Contender = contender && o.Seed = seed)

                            Expect.equal (run |> Array.map _.Timed.Record.Cycle) [| 0..79 |] "all cycles"

                            for earlier, later in Array.pairwise run do
                                let record = earlier.Timed.Record

                                Expect.equal
                                    later.Timed.Record.Metrics.Configuration
                                    record.Next
                                    "where its action led"

                    let summary = StageSummary.ofResult (Yardstick.ofResult result) result

                    let told =
                        summary
                        |> List.find (fun s -> s.Contender = Contender.Baseline Baseline.ToldRetraining && s.Stage = 1)

                    // 30 configurations, up to 9 moves to the first and 5 to the best.
                    Expect.all
                        told.Adapted
                        (fun cycles -> cycles.IsSome && cycles.Value >= 25 && cycles.Value <= 45)
                        "after its recording"

                    Expect.all told.ShareOfBestAtEnd (fun share -> share > 0.95) "good at the end")
            }
        ]
