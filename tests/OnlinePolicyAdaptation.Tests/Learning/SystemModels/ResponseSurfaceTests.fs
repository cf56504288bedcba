module OnlinePolicyAdaptation.Tests.Learning.SystemModels.ResponseSurfaceTests

open System
open System.Collections.Generic
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

let private layout = FeatureLayout(TwoNodes.grid, 1)
let private configurations = TwoNodes.grid.Configurations()

/// What the reference system takes at a load: its logarithm grows with the load.
let private seconds load configuration =
    TwoNodes.responseTime 0.08 configuration * exp (0.05 * (load - 5.0))

/// Of exact measurements at these loads.
let private surface (loads: float list) =
    let rows =
        [|
            for load in loads do
                for configuration in configurations do
                    for _ in 1..3 -> load, configuration
        |]

    let features =
        rows
        |> Array.collect (fun (load, configuration) ->
            let row = Array.zeroCreate layout.Names.Count
            layout.Write(configuration, ReadOnlySpan [| RequestRate load |], Span row)
            row)

    let targets =
        rows |> Array.map (fun (load, configuration) -> seconds load configuration)

    let forest =
        RandomForest.Fit(
            TrainingSet(layout.Names, layout.TargetNames, ReadOnlySpan features, ReadOnlySpan targets),
            ForestOptions(Trees = 60),
            RandomKey 1UL
        )

    ResponseSurface(forest, layout, loads |> List.map Array.singleton)

let private load = [| RequestRate 5.0 |]
let private here = TwoNodes.configuration 0.4 3.0

let private law loads (log: float) =
    let curves = (surface loads).Curves(ReadOnlySpan [| here |], ReadOnlySpan load)
    FactorGrid.At(curves.Law(0, 0), log)

let private unchanged = NodeFactorFilter.Unchanged(2, 1)

/// Two nodes that are thought to have these factors, as points of the grid, each pair with its probability.
let private thought pairs =
    let joint = Array.zeroCreate<float>(FactorGrid.Points * FactorGrid.Points)

    for first, second, probability in pairs do
        joint[first * FactorGrid.Points + second] <- probability

    let state = unchanged.State

    NodeFactorFilter.Of(
        NodeFactorState(joint, state.Probabilities, state.Announced, state.Streaks, state.LeftOver, state.Ages)
    )

let private model filter (anchors: LawAnchor[]) noise =
    let cells =
        Dictionary<struct (Configuration * EquatableArray<RequestRate>), CellKnowledge>()

    if anchors.Length > 0 then
        cells[struct (here, TwoNodes.array load)] <- CellKnowledge([| anchors |], [| noise |])

    FactoredResponseTimes(surface [ 5.0 ], filter, cells, [| ResidualNoise(noise, 0.0) |])

let private expected (model: FactoredResponseTimes) =
    let arrivals = Array.zeroCreate<float> configurations.Length
    model.ExpectedArrivals(TwoNodes.reward, ReadOnlySpan configurations, ReadOnlySpan load, Span arrivals)
    arrivals

let private predicted (model: FactoredResponseTimes) configuration =
    let seconds = [| 0.0 |]
    model.Predict(configuration, ReadOnlySpan load, Span seconds)
    seconds[0]

[<Tests>]
let tests =
    testList
        "Learning.ResponseSurface"
        [
            test "a node slower by g takes g times as long as with g times the load" {
                for g in [ 1.0; 1.5; 2.0 ] do
                    // Between the loads 5 and 10 the logarithm is linear: 0.05 per req/s.
                    Expect.isLessThan
                        (abs (law [ 5.0; 10.0 ] (log g) - (log g + 0.05 * 5.0 * (g - 1.0))))
                        0.02
                        $"{g} times slower"
            }

            test "beyond the loads measured the law goes on as it was" {
                Expect.isLessThan (abs (law [ 5.0; 10.0 ] (log 3.0) - (log 3.0 + 0.5))) 0.03 "three times slower"
            }

            test "where one load was measured, a node slower by g takes g times as long" {
                for log in [ -0.5; 0.0; 0.7 ] do
                    Expect.floatClose Accuracy.high (law [ 5.0 ] log) log $"{log}"
            }

            test "the law ascends" {
                let curves =
                    (surface [ 10.0; 5.0; 15.0 ]).Curves(ReadOnlySpan configurations, ReadOnlySpan load)

                for place in 0 .. configurations.Length - 1 do
                    let law = curves.Law(place, 0).ToArray()
                    Expect.sequenceEqual law (Array.sort law) $"{configurations[place].Levels}"
                    Expect.equal law[FactorGrid.Unchanged] 0.0 "nothing for a factor of 1"
            }

            test
                "without anything measured of a configuration nothing corrects the surface, less surely with the distance" {
                let struct (shift, near) =
                    LawCorrection.At(ReadOnlySpan<LawAnchor>.Empty, 0.05, 0.01, 0.2, 0.0)

                let struct (_, far) =
                    LawCorrection.At(ReadOnlySpan<LawAnchor>.Empty, 0.05, 0.01, 0.2, 1.0)

                Expect.equal shift 0.0 "no shift"
                Expect.floatClose Accuracy.high near 0.01 "the surface's own variance"
                Expect.floatClose Accuracy.high far 0.05 "and the law's"
            }

            test "what was measured under the same factors corrects, and under others hardly" {
                let anchors = [| LawAnchor(0.8, 0.3, 9.0) |]

                let at ratio =
                    let struct (shift, _) =
                        LawCorrection.At(ReadOnlySpan anchors, 0.03, 0.01, 0.2, ratio)

                    shift

                Expect.isGreaterThan (at 0.8) 0.28 "the same"
                Expect.isLessThan (at 0.0) 0.1 "others"
            }

            test "predicted is the surface times what the nodes' factors make of it" {
                let log = FactorGrid.Log(FactorGrid.Unchanged + 14)

                let slow =
                    model (thought [ FactorGrid.Unchanged, FactorGrid.Unchanged + 14, 1.0 ]) [||] 0.05

                let fast = model unchanged [||] 0.05

                for configuration in configurations do
                    let share = 1.0 - TwoNodes.controls[0].Value configuration.Levels[0]
                    // The median between the points of the grid may be half a step off.
                    Expect.floatClose
                        { absolute = 0.0; relative = 0.03 }
                        (predicted slow configuration)
                        (predicted fast configuration * (1.0 - share + share * exp log))
                        $"{configuration.Levels}"
            }

            test "the reward to expect is the mean over the noise, and not the reward of the mean" {
                let model = model unchanged [||] 0.1
                let count = configurations.Length

                let seconds, uncertainty, noise =
                    Array.zeroCreate count, Array.zeroCreate count, Array.zeroCreate count

                model.PredictAll(
                    ReadOnlySpan configurations,
                    ReadOnlySpan load,
                    Span seconds,
                    Span uncertainty,
                    Span noise
                )

                let slow =
                    Array.init count (fun i ->
                        let relative =
                            sqrt (uncertainty[i] * uncertainty[i] + noise[i] * noise[i]) / seconds[i]

                        Seq.init 2000 (fun k ->
                            let z =
                                MathNet.Numerics.Distributions.Normal.InvCDF(0.0, 1.0, (float k + 0.5) / 2000.0)

                            let drawn = seconds[i] * exp (relative * z)
                            TwoNodes.reward.Arrival(configurations[i], ReadOnlySpan [| drawn |]).Value)
                        |> Seq.average)

                Array.iter2 (fun a b -> Expect.isLessThan (abs (a - b)) 2e-3 "by 2,000 quantiles") slow (expected model)
            }

            test "what is not known of the nodes is averaged over" {
                let unchangedPoint, slowPoint = FactorGrid.Unchanged, FactorGrid.Unchanged + 10

                let of' pairs =
                    expected (model (thought pairs) [||] 0.05)

                let either =
                    of' [ unchangedPoint, unchangedPoint, 0.5; unchangedPoint, slowPoint, 0.5 ]

                let first = of' [ unchangedPoint, unchangedPoint, 1.0 ]
                let second = of' [ unchangedPoint, slowPoint, 1.0 ]

                Array.iteri
                    (fun i value -> Expect.floatClose Accuracy.high value (0.5 * (first[i] + second[i])) "half of each")
                    either
            }

            test "an optimist expects no less of any configuration" {
                let model = model unchanged [||] 0.05

                Array.iter2
                    (fun optimist neutral -> Expect.isGreaterThanOrEqual optimist (neutral - 1e-9) "no less")
                    (expected (model.WithOptimism 0.5))
                    (expected model)
            }
        ]
