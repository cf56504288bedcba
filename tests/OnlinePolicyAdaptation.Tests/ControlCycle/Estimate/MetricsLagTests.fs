module OnlinePolicyAdaptation.Tests.ControlCycle.MetricsLag

open System
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private unknown = SampleWindow.empty

/// The lag at the end.
let private estimate recorded intervals =
    (LaggingWalk.lags recorded intervals |> List.last).Lag

/// Intervals of a walk as entries.
let private entries walk count seed =
    (LaggingWalk.lags unknown (LaggingWalk.run walk count seed) |> List.last).Entries

let private wandering =
    {
        LaggingWalk.Lag = 0
        LaggingWalk.Style = LaggingWalk.Wandering
        LaggingWalk.Moving = 0.3
        LaggingWalk.Noise = 0.03
        LaggingWalk.Systems = [ 0, LaggingWalk.seconds ]
    }

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.MetricsLag"
        [
            test "without a lag none is ever told, whatever the noise, the walk and the changes of the system" {
                for recorded in [ LaggingWalk.recorded; unknown ] do
                    for seed in 1..40 do
                        let random = Random(seed)
                        let noise = [| 0.0; 0.02; 0.1; 0.3 |][seed % 4]
                        let walk = LaggingWalk.draw 0 noise random
                        let lags = LaggingWalk.lags recorded (LaggingWalk.run walk 100 seed)
                        Expect.all lags (fun lag -> lag.Lag = 0) $"seed {seed}: {walk}"
            }

            test "where moves change nothing, no lag is told" {
                for recorded in [ LaggingWalk.recorded; unknown ] do
                    for seed in 1..20 do
                        let random = Random(seed)

                        let intervals =
                            LaggingWalk.run (LaggingWalk.draw 0 0.1 random) 100 seed
                            |> List.map (fun (configuration, _) ->
                                configuration, 0.1 * exp (0.3 * (random.NextDouble() - 0.5)))

                        Expect.equal (estimate recorded intervals) 0 $"seed {seed}"
            }

            for lag in 1..6 do
                test $"a lag of {lag} is told from what was recorded, within a few moves" {
                    for seed in 1..5 do
                        let walk = { wandering with Lag = lag }
                        let lags = LaggingWalk.lags LaggingWalk.recorded (LaggingWalk.run walk 60 seed)
                        let told = lags |> List.tryFindIndex (fun told -> told.Lag > 0)
                        Expect.equal (List.last lags).Lag lag $"seed {seed}"
                        Expect.isLessThan told.Value 40 $"seed {seed}"
                }

            test "a lag is told where nothing was recorded, once configurations were seen again" {
                for lag, seed in [ 1, 1; 2, 2; 3, 3; 6, 5 ] do
                    let walk = { wandering with Lag = lag }
                    Expect.equal (estimate unknown (LaggingWalk.run walk 120 seed)) lag $"lag {lag}"
            }

            test "a lag that begins later, or ends, is told" {
                for seed in 1..2 do
                    let before = LaggingWalk.run wandering 60 seed
                    let after = LaggingWalk.run { wandering with Lag = 2 } 140 (100 + seed)
                    let again = LaggingWalk.run wandering 200 (200 + seed)
                    Expect.equal (estimate LaggingWalk.recorded (before @ after)) 2 $"seed {seed}"
                    Expect.equal (estimate LaggingWalk.recorded (before @ after @ again)) 0 $"seed {seed}"
            }

            testProperty
                "the configuration in force so many intervals ago is found in long histories, of which much is left out"
            <| fun (seed: int) ->
                let lag = 1 + abs (seed % LagEvidence.longest)
                let walk = { wandering with Moving = 0.02 }
                let intervals = LaggingWalk.run walk 400 seed
                let kept = entries walk 400 seed
                let origins = LagEvidence.inForce kept lag
                Expect.isLessThan kept.Length 300 "bounded"

                for i in 1 .. kept.Length - 1 do
                    if kept[i].Cycle - lag >= kept[0].Cycle then
                        let configuration, _ = intervals[kept[i].Cycle - lag]
                        Expect.equal kept[origins[i]].Configuration configuration $"cycle {kept[i].Cycle}"

            test "a service that moves do not reach does not hide the lag of another" {
                let random = Random 5
                let walk = { wandering with Lag = 3 }

                let lag =
                    (MetricsLag.start, List.indexed (LaggingWalk.run walk 120 3))
                    ||> List.fold (fun lag (cycle, (configuration, seconds)) ->
                        let elsewhere = 0.1 * exp (0.4 * (random.NextDouble() - 0.5))

                        let entry =
                            MetricsLag.entry
                                cycle
                                configuration
                                (TwoNodes.array [ RequestRate 5.0; RequestRate 5.0 ])
                                (ValueSome [| elsewhere; seconds |])
                                lag

                        MetricsLag.observe unknown entry lag)

                Expect.equal lag.Lag 3 "as of the service that they reach"
            }

            test "intervals without response times and interruptions tell nothing" {
                let lag =
                    (MetricsLag.start, List.indexed (LaggingWalk.run { wandering with Lag = 2 } 120 4))
                    ||> List.fold (fun lag (cycle, (configuration, _)) ->
                        MetricsLag.observe
                            LaggingWalk.recorded
                            (MetricsLag.entry cycle configuration TwoNodes.load ValueNone lag)
                            lag)

                Expect.equal lag.Lag 0 "none"
                Expect.isEmpty (MetricsLag.interrupted lag).Entries "none from before"
                Expect.isFalse (MetricsLag.interrupted lag).IsWhole "something is left out"
            }
        ]
