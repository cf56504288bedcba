module OnlinePolicyAdaptation.Tests.Learning.Regression.RegressionTreeTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Tests.Learning.Regression.Samples

/// A split by feature 0 at 1.5, then on its right one by feature 1 at 0.5.
let private tree =
    RegressionTree(
        ReadOnlySpan [| 0; -1; 1; -1; -1 |],
        ReadOnlySpan [| 1.5; 0.5 |],
        ReadOnlySpan [| 10.0; 20.0; 30.0 |],
        1
    )

let private value (row: float array) =
    tree.Value(tree.LeafOf(ReadOnlySpan row))[0]

/// The first few of five whole-numbered targets of a row, of different variances; the fifth is constant.
let private someTargets outputs row =
    let y, z = int row.Y % 9, int row.Z % 9
    List.truncate outputs [ y; 1000 * z; y * z; 7 * y + int row.A; 5 ]

let private trainingSet outputs rows =
    TrainingSet(
        featureNames,
        [| for output in 1..outputs -> $"y{output}" |],
        table (List.map features rows),
        ReadOnlySpan
            [|
                for row in rows do
                    yield! List.map float (someTargets outputs row)
            |],
        ReadOnlySpan [| for row in rows -> weight row |]
    )

/// The samples in the order in which a forest draws them, and how often a tree of the key draws each, if at all.
let private bootstrap outputs rows (key: RandomKey) =
    let samples =
        rows
        |> List.filter (fun row -> weight row > 0.0)
        |> List.sortBy (fun row -> features row, someTargets outputs row, weight row)

    let counts = Array.zeroCreate samples.Length

    Bootstrap(ReadOnlySpan [| for row in samples -> weight row |]).Draw(key.Split 0, Span counts)

    [
        for row, count in List.zip samples (List.ofArray counts) do
            if count > 0 then
                {
                    SlowTree.Features = features row
                    SlowTree.Targets = someTargets outputs row
                    SlowTree.Times = count
                }
    ]

/// The variance of every target, each row counting by its weight.
let private variances outputs rows =
    [
        for output in 0 .. outputs - 1 ->
            let values =
                [
                    for row in rows -> weight row, float (List.item output (someTargets outputs row))
                ]

            let total = List.sumBy fst values
            let mean = List.sumBy (fun (weight, value) -> weight * value) values / total

            List.sumBy (fun (weight, value) -> weight * (value - mean) ** 2.0) values
            / total
    ]

[<Tests>]
let tests =
    testList
        "Learning.Regression.RegressionTree"
        [
            testCase "a value at a threshold goes left, one above it right"
            <| fun () ->
                Expect.equal (value [| 1.5; 9.0 |]) 10.0 "left at the root"
                Expect.equal (value [| Math.BitIncrement 1.5; 0.5 |]) 20.0 "right, then left"
                Expect.equal (value [| 2.0; 0.6 |]) 30.0 "right, then right"

            testCase "a value that is no number goes left"
            <| fun () ->
                Expect.equal (value [| nan; 0.6 |]) 10.0 "left at the root"
                Expect.equal (value [| 2.0; nan |]) 20.0 "right, then left"

            testCase "a threshold lies halfway, or at the lower of two neighbours"
            <| fun () ->
                Expect.equal (Split.Threshold(1.0, 2.0)) 1.5 "halfway"
                Expect.equal (Split.Threshold(-1.7e308, 1.7e308)) 0.0 "without overflow"
                Expect.equal (Split.Threshold(1.0, Math.BitIncrement 1.0)) 1.0 "nothing between"

                let next = Math.BitIncrement 1.0
                Expect.equal (Split.Threshold(next, Math.BitIncrement next)) next "nothing between, halfway rounds up"
                Expect.equal (Split.Threshold(0.0, 5e-324)) 0.0 "nothing between 0 and the smallest number"

            testProperty "the fast tree is the tree of an exhaustive search"
            <| fun (first: Row) (others: Row list) seed (minSamplesLeaf: byte) (maxDepth: byte option) merge ->
                let rows = { first with Weight = 1uy } :: others
                let key = RandomKey seed

                let options =
                    ForestOptions(
                        MinSamplesLeaf = 1 + int (minSamplesLeaf % 4uy),
                        MaxDepth = (maxDepth |> Option.map (fun depth -> int (depth % 6uy)) |> Option.toNullable)
                    )

                let samples = DistinctRows.Of(trainingSet 1 rows, merge)
                let fast = SlowTree.ofTree (TreeGrower(samples, options).Grow key)
                let slow = SlowTree.ofDraws options (bootstrap 1 rows key)
                Expect.isTrue (SlowTree.agree fast slow) $"fast {fast}, slow {slow}"

            testProperty "no other split of several targets would gain more"
            <| fun (first: Row) (others: Row list) seed (outputs: byte) ->
                let rows = { first with Weight = 1uy } :: others
                let outputs = 2 + int (outputs % 4uy)
                let key = RandomKey seed
                let samples = DistinctRows.Of(trainingSet outputs rows, true)
                let tree = SlowTree.ofTree (TreeGrower(samples, ForestOptions()).Grow key)
                let variances = variances outputs rows
                Expect.isTrue (SlowTree.isBest variances tree (bootstrap outputs rows key)) $"{tree}"
        ]
