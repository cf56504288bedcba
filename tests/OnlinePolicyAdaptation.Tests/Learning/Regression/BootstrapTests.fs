module OnlinePolicyAdaptation.Tests.Learning.Regression.BootstrapTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.Regression

let private draw (weights: float list) (key: RandomKey) =
    let counts = Array.zeroCreate weights.Length
    Bootstrap(ReadOnlySpan(Array.ofList weights)).Draw(key, Span counts)
    List.ofArray counts

/// Sixteenths, up to 16: sums of them are exact.
let private weights (first: byte) (others: byte list) =
    [ for level in first :: others -> float (level + 1uy) / 16.0 + 1.0 / 16.0 ]

[<Tests>]
let tests =
    testList
        "Learning.Regression.Bootstrap"
        [
            testProperty "there are as many draws as the weights sum to"
            <| fun first others key ->
                let weights = weights first others
                let expected = max 1 (int (Math.Round(List.sum weights)))
                Expect.equal (List.sum (draw weights (RandomKey key))) expected "draws"

            testProperty "a weight is its parts side by side"
            <| fun first others key ->
                let weights = weights first others
                let halves = weights |> List.collect (fun weight -> [ weight / 2.0; weight / 2.0 ])
                let parts = draw halves (RandomKey key) |> List.chunkBySize 2 |> List.map List.sum
                Expect.equal (draw weights (RandomKey key)) parts "draws"

            testCase "a row is drawn in proportion to its weight"
            <| fun () ->
                let weights = [ 1.0; 2.5; 0.5; 96.0 ]
                let repetitions = 4000

                let drawn =
                    List.init repetitions (fun i -> draw weights (RandomKey(uint64 i)))
                    |> List.reduce (List.map2 (+))

                let draws = 100.0 * float repetitions

                for weight, count in List.zip weights drawn do
                    let share = weight / 100.0
                    let error = sqrt (draws * share * (1.0 - share))
                    // Fails once in 16,000 keys per row.
                    Expect.isLessThan (abs (float count - draws * share)) (4.0 * error) $"draws of weight {weight}"

            testCase "what was drawn before is forgotten"
            <| fun () ->
                let bootstrap = Bootstrap(ReadOnlySpan [| 1.0; 1.0; 1.0 |])
                let counts = Array.zeroCreate 3
                bootstrap.Draw(RandomKey 1UL, Span counts)
                bootstrap.Draw(RandomKey 2UL, Span counts)
                Expect.equal (List.ofArray counts) (draw [ 1.0; 1.0; 1.0 ] (RandomKey 2UL)) "the second draws alone"

            testCase "rows of weights that are far apart are found"
            <| fun () ->
                let counts = draw [ 1e-12; 1000.0; 1e-12; 1e-12; 3000.0; 1e-12 ] (RandomKey 1UL)
                Expect.equal (counts[1] + counts[4]) 4000 "the heavy rows"
        ]
