module OnlinePolicyAdaptation.Tests.Learning.Regression.TrainingSetTests

open System
open Expecto
open OnlinePolicyAdaptation.Learning.Regression

let private build featureNames targetNames (features: float array) (targets: float array) (weights: float array) =
    TrainingSet(featureNames, targetNames, ReadOnlySpan features, ReadOnlySpan targets, ReadOnlySpan weights)

/// Expects a refusal whose message holds the given text.
let private refuses (text: string) build =
    try
        build () |> ignore
        failtest $"accepted, expected a refusal: {text}"
    with :? ArgumentException as e ->
        Expect.stringContains e.Message text "message"

let private valid () =
    build [| "a"; "b" |] [| "y" |] [| 1.0; 2.0; 3.0; 4.0 |] [| 5.0; 6.0 |] [| 1.0; 0.0 |]

[<Tests>]
let tests =
    testList
        "Learning.Regression.TrainingSet"
        [
            testCase "gives back its rows"
            <| fun () ->
                let set = valid ()
                Expect.equal set.Count 2 "rows"
                Expect.sequenceEqual (set.Features(1).ToArray()) [ 3.0; 4.0 ] "features"
                Expect.sequenceEqual (set.Targets(1).ToArray()) [ 6.0 ] "targets"
                Expect.equal (set.Weight 1) 0.0 "weight"

            testCase "does not change with the arrays it was made of"
            <| fun () ->
                let features = [| 1.0 |]

                let set =
                    TrainingSet([| "a" |], [| "y" |], ReadOnlySpan features, ReadOnlySpan [| 2.0 |])

                features[0] <- 7.0
                Expect.equal (set.Features(0)[0]) 1.0 "feature"

            testCase "refuses names that are missing, blank or not distinct"
            <| fun () ->
                refuses "no feature is named" (fun () -> build [||] [| "y" |] [||] [| 1.0 |] [| 1.0 |])
                refuses "no target is named" (fun () -> build [| "a" |] [||] [| 1.0 |] [||] [| 1.0 |])
                refuses "target 0 has a blank name" (fun () -> build [| "a" |] [| " " |] [| 1.0 |] [| 1.0 |] [| 1.0 |])

                refuses "features 0 and 1 are both named a" (fun () ->
                    build [| "a"; "a" |] [| "y" |] [| 1.0; 1.0 |] [| 1.0 |] [| 1.0 |])

            testCase "refuses tables of another length"
            <| fun () ->
                refuses "3 numbers given for 2 rows of 2 features" (fun () ->
                    build [| "a"; "b" |] [| "y" |] [| 1.0; 2.0; 3.0 |] [| 1.0; 2.0 |] [| 1.0; 1.0 |])

                refuses "1 numbers given for 2 rows of 1 targets" (fun () ->
                    build [| "a" |] [| "y" |] [| 1.0; 2.0 |] [| 1.0 |] [| 1.0; 1.0 |])

                refuses "no row" (fun () -> build [| "a" |] [| "y" |] [||] [||] [||])

            testCase "refuses what is not finite, naming the place"
            <| fun () ->
                for value in [ nan; infinity; -infinity ] do
                    refuses $"feature b of row 1 is {value}" (fun () ->
                        build [| "a"; "b" |] [| "y" |] [| 1.0; 2.0; 3.0; value |] [| 1.0; 2.0 |] [| 1.0; 1.0 |])

                    refuses $"target y of row 1 is {value}" (fun () ->
                        build [| "a" |] [| "y" |] [| 1.0; 2.0 |] [| 1.0; value |] [| 1.0; 1.0 |])

                    refuses $"weight of row 0 is {value}" (fun () ->
                        build [| "a" |] [| "y" |] [| 1.0 |] [| 1.0 |] [| value |])

            testCase "refuses negative weights, and sums of weights that are 0 or too large"
            <| fun () ->
                let ofWeights weights () =
                    build [| "a" |] [| "y" |] [| 1.0; 2.0 |] [| 1.0; 2.0 |] weights

                refuses "weight of row 1 is -1" (ofWeights [| 1.0; -1.0 |])
                refuses "weights sum to 0" (ofWeights [| 0.0; 0.0 |])
                refuses "weights sum to 16777217" (ofWeights [| 16777216.0; 1.0 |])

            testCase "options out of their range are refused when they are set"
            <| fun () ->
                refuses "Trees is 0, expected at least 1" (fun () -> ForestOptions(Trees = 0))
                refuses "MinSamplesLeaf is 0" (fun () -> ForestOptions(MinSamplesLeaf = 0))
                refuses "MaxDepth is -1" (fun () -> ForestOptions(MaxDepth = -1))
                refuses "FeaturesPerSplit is 0" (fun () -> ForestOptions(FeaturesPerSplit = 0))
                refuses "Threads is 0" (fun () -> ForestOptions(Threads = 0))
        ]
