module OnlinePolicyAdaptation.Tests.Environments.QuantileTests

open Expecto
open OnlinePolicyAdaptation.Domain.Environments

let private quantile fraction (sample: float list) =
    let sorted = List.sort sample |> Array.ofList
    Quantile.OfSorted(sorted, fraction)

[<Tests>]
let tests =
    testList
        "Domain.Environments.Quantile"
        [
            testCase "a quantile lies between its neighbours, by how far it is from each"
            <| fun () ->
                // numpy.quantile([1, 2, 3, 4], 0.9) and so on
                Expect.floatClose Accuracy.high (quantile 0.9 [ 4.0; 2.0; 1.0; 3.0 ]) 3.7 "four values"
                Expect.floatClose Accuracy.high (quantile 0.5 [ 1.0; 10.0 ]) 5.5 "two values"
                Expect.equal (quantile 0.99 [ 7.0 ]) 7.0 "a single one"
                Expect.equal (quantile 0.99 []) 0.0 "none"

            testProperty "the k-th of n values, from 0, is the k/(n-1) quantile"
            <| fun (first: int) (second: int) (others: int list) ->
                let sorted = first :: second :: others |> List.map float |> List.sort

                for k, value in List.indexed sorted do
                    Expect.floatClose
                        Accuracy.medium
                        (quantile (float k / float (sorted.Length - 1)) sorted)
                        value
                        $"value {k}"

            testProperty "a larger fraction has no smaller quantile"
            <| fun (first: int) (others: int list) (a: byte) (b: byte) ->
                let sample = first :: others |> List.map float
                let low, high = float (min a b) / 255.0, float (max a b) / 255.0
                Expect.isLessThanOrEqual (quantile low sample) (quantile high sample + 1e-6) "order"
        ]
