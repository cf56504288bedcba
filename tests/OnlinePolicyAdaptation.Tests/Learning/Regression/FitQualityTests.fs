module OnlinePolicyAdaptation.Tests.Learning.Regression.FitQualityTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Tests.Learning.Regression.Samples

let private rows (targets: float list) (weights: float list) =
    TrainingSet(
        [| "a" |],
        [| "y" |],
        ReadOnlySpan [| for i in 1 .. targets.Length -> float i |],
        ReadOnlySpan(Array.ofList targets),
        ReadOnlySpan(Array.ofList weights)
    )

/// A forest that says this everywhere.
let private saying value =
    fit (rows [ value ] [ 1.0 ]) fewTrees 1UL

/// NMAE, R2 and number of rows.
let private quality forest (unseen: TrainingSet) =
    let quality = FitQuality.On(forest, unseen)
    quality.Nmae[0], quality.R2[0], quality.Rows

[<Tests>]
let tests =
    testList
        "Learning.Regression.FitQuality"
        [
            testCase "errors are those of a hand calculation"
            <| fun () ->
                // Errors 1, 1, 4; targets sum to 10 in size and have mean 10/3 and squared deviations 98/3.
                Expect.equal
                    (quality (saying 2.0) (rows [ 1.0; 3.0; 6.0 ] [ 1.0; 1.0; 1.0 ])
                     |> fun (nmae, _, n) -> nmae, n)
                    (0.6, 3)
                    "NMAE"

                let _, r2, _ = quality (saying 2.0) (rows [ 1.0; 3.0; 6.0 ] [ 1.0; 1.0; 1.0 ])
                Expect.floatClose Accuracy.veryHigh r2 (1.0 - 18.0 / (38.0 / 3.0)) "R2"

            testCase "a row counts by its weight"
            <| fun () ->
                Expect.equal
                    (quality (saying 2.0) (rows [ 1.0; 3.0; 3.0; 9.0 ] [ 2.0; 1.0; 1.0; 0.0 ]))
                    (0.5, 0.0, 3)
                    "errors of 1 at 1, 1, 3, 3"

            testCase "targets that do not vary are fitted perfectly or not at all"
            <| fun () ->
                Expect.equal (quality (saying 2.0) (rows [ 2.0; 2.0 ] [ 1.0; 1.0 ])) (0.0, 1.0, 2) "perfect"
                Expect.equal (quality (saying 2.0) (rows [ 4.0; 4.0 ] [ 1.0; 1.0 ])) (0.5, 0.0, 2) "not at all"

            testCase "targets of 0 are fitted perfectly or infinitely badly"
            <| fun () ->
                Expect.equal (quality (saying 0.0) (rows [ 0.0 ] [ 1.0 ])) (0.0, 1.0, 1) "perfect"
                Expect.equal (quality (saying 2.0) (rows [ 0.0 ] [ 1.0 ])) (infinity, 0.0, 1) "badly"

            testCase "a fifth of the rows is held out, those of weight 0 left aside"
            <| fun () ->
                let rows = rows [ 1.0 .. 13.0 ] [ for i in 1..13 -> if i <= 2 then 0.0 else 1.0 ]
                Expect.equal (FitQuality.OnHeldOut(rows, fewTrees, RandomKey 1UL).Rows) 3 "a fifth of 11, rounded up"

            testProperty "the same key holds out the same rows"
            <| fun (first: Row) (second: Row) (others: Row list) key ->
                let quality () =
                    FitQuality.OnHeldOut(unweighted (first :: second :: others), fewTrees, RandomKey key)

                Expect.equal (quality ()) (quality ()) "quality"

            testCase "what follows from the features is estimated well on unseen rows, noise is not"
            <| fun () ->
                let features = [ for i in 0..1999 -> [| float (i % 50); float (i % 7) |] ]

                let mutable noise = (RandomKey 1UL).Sequence()

                let targets =
                    [ for row in features -> [| row[0] + 10.0 * row[1]; noise.NextDouble() |] ]

                let set =
                    TrainingSet(featureNames, [| "y"; "noise" |], table features, table targets)

                let quality = FitQuality.OnHeldOut(set, ForestOptions(Trees = 30), RandomKey 2UL)
                Expect.isLessThan quality.Nmae[0] 0.02 "NMAE"
                Expect.isGreaterThan quality.R2[0] 0.99 "R2"
                Expect.isLessThan quality.R2[1] 0.1 "R2 of noise"

            testCase "other rows than those of the forest, and a single row, are refused"
            <| fun () ->
                Expect.throwsT<ArgumentException>
                    (fun () -> FitQuality.On(saying 1.0, unweighted []) |> ignore)
                    "other features"

                Expect.throwsT<ArgumentException>
                    (fun () ->
                        FitQuality.OnHeldOut(rows [ 1.0; 2.0 ] [ 1.0; 0.0 ], fewTrees, RandomKey 1UL)
                        |> ignore)
                    "a single row of positive weight"
        ]
