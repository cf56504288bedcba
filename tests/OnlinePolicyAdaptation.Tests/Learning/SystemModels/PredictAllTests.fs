module OnlinePolicyAdaptation.Tests.Learning.SystemModels.PredictAllTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

/// Two services on two nodes, one of which may be refused.
let private grid =
    ControlGrid(
        TwoNodes.array
            [
                Control("p", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 5)
                Control("c", ControlTarget.CpuCores(TwoNodes.array [ 0; 1 ]), 1.0, 4.0, 4)
                Control("b", ControlTarget.BlockingRate 1, 0.0, 0.6, 3)
                Control("q", ControlTarget.RoutingWeight(1, 0), 0.0, 1.0, 5)
            ]
    )

let private layout = FeatureLayout(grid, 2)

let private loads = [| RequestRate 5.0; RequestRate 10.0 |]

/// Fitted to random response times at about half of the configurations.
let private forest (key: RandomKey) =
    let mutable sequence = key.Sequence()

    let configurations =
        grid.Configurations() |> Array.filter (fun _ -> sequence.NextDouble() < 0.5)

    let features =
        configurations
        |> Array.collect (fun configuration ->
            let row = Array.zeroCreate layout.Names.Count
            layout.Write(configuration, ReadOnlySpan loads, Span row)
            row)

    let targets =
        Array.init (2 * configurations.Length) (fun _ -> sequence.NextDouble())

    RandomForest.Fit(
        TrainingSet(layout.Names, layout.TargetNames, ReadOnlySpan features, ReadOnlySpan targets),
        ForestOptions(Trees = 11),
        key
    )

let private models key : (string * IResponseTimeModel) list =
    let forest = forest key

    let nodeFactors =
        [|
            for service in 0..1 -> NodeFactors(grid, service).After(grid.ConfigurationAt 7, 0.5 + float service, 0.01)
        |]

    let corrected (nodeFactors: NodeFactors[]) =
        CorrectedResponseTimes(
            forest,
            ReadOnlySpan nodeFactors,
            layout,
            ReadOnlySpan [| 0.1; 0.2 |],
            ReadOnlySpan [| 0.9; 1.1 |],
            ReadOnlySpan [| 0.1; 0.3 |]
        )

    let seconds = Array.init (2 * grid.ConfigurationCount) float

    [
        "a forest", ForestResponseTimes(forest, layout)
        "a forest before any change", corrected [||]
        "a corrected forest", corrected nodeFactors
        "an optimist's bound", BoundedResponseTimes(corrected nodeFactors, -1.0)
        "a cautious bound", BoundedResponseTimes(corrected nodeFactors, 0.8)
        "a table", ResponseTimeTable(grid, 2, ReadOnlySpan seconds)
    ]

[<Tests>]
let tests =
    testList
        "Learning.SystemModels.PredictAll"
        [
            testProperty
                "the response times of all configurations are those of each, bit for bit"
                (fun (seed: uint64) ->
                    let configurations = grid.Configurations()

                    for name, model in models (RandomKey seed) do
                        let together = Array.zeroCreate<float>(2 * configurations.Length)
                        model.PredictAll(ReadOnlySpan configurations, ReadOnlySpan loads, Span together)

                        let alone =
                            configurations
                            |> Array.collect (fun configuration ->
                                let seconds = Array.zeroCreate<float> 2
                                model.Predict(configuration, ReadOnlySpan loads, Span seconds)
                                seconds)

                        Expect.equal
                            (Array.map BitConverter.DoubleToInt64Bits together)
                            (Array.map BitConverter.DoubleToInt64Bits alone)
                            name)

            testProperty
                "the response times are the same bits with their uncertainty, which is none where nothing is known of it"
                (fun (seed: uint64) ->
                    let configurations = grid.Configurations()

                    for name, model in models (RandomKey seed) do
                        let means = Array.zeroCreate<float>(2 * configurations.Length)
                        model.PredictAll(ReadOnlySpan configurations, ReadOnlySpan loads, Span means)
                        let room () = Array.create means.Length nan
                        let again, uncertainty, noise = room (), room (), room ()

                        model.PredictAll(
                            ReadOnlySpan configurations,
                            ReadOnlySpan loads,
                            Span again,
                            Span uncertainty,
                            Span noise
                        )

                        Expect.equal again means name
                        Expect.isTrue (uncertainty |> Array.forall (fun s -> s >= 0.0)) $"{name}: uncertainty"
                        Expect.isTrue (noise |> Array.forall (fun s -> s >= 0.0)) $"{name}: noise"
                        let isForest = name.Contains "forest"
                        Expect.equal (uncertainty |> Array.exists (fun s -> s > 0.0)) isForest $"{name}: known of")

            testProperty
                "a service alone has the same response time as with all others, bit for bit"
                (fun (seed: uint64) ->
                    for name, model in models (RandomKey seed) do
                        for configuration in grid.Configurations() do
                            let together = Array.zeroCreate<float> 2
                            model.Predict(configuration, ReadOnlySpan loads, Span together)

                            let alone =
                                Array.init 2 (fun service ->
                                    model.PredictService(service, configuration.Levels.AsSpan(), ReadOnlySpan loads))

                            Expect.equal alone together name)

            test "a grid lists its configurations by their numbers" {
                let configurations = grid.Configurations()
                Expect.equal configurations.Length grid.ConfigurationCount "all"

                configurations
                |> Array.iteri (fun i configuration -> Expect.equal (grid.IndexOf configuration) i "number")
            }
        ]
