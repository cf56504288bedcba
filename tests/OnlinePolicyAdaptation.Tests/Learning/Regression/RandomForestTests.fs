module OnlinePolicyAdaptation.Tests.Learning.Regression.RandomForestTests

open System
open Expecto
open FsCheck
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Tests.Learning.Regression.Samples

/// Options in all their variety.
let private options threads (minSamplesLeaf: byte) (maxDepth: byte option) (featuresPerSplit: bool option) =
    ForestOptions(
        Trees = 5,
        Threads = threads,
        MinSamplesLeaf = 1 + int (minSamplesLeaf % 3uy),
        MaxDepth = (maxDepth |> Option.map (fun depth -> int (depth % 8uy)) |> Option.toNullable),
        FeaturesPerSplit =
            (featuresPerSplit
             |> Option.map (fun both -> if both then 2 else 1)
             |> Option.toNullable)
    )

let private shuffled (key: uint64) items =
    let random = RandomKey key

    items
    |> List.indexed
    |> List.sortBy (fun (i, _) -> random.Split(i).Value)
    |> List.map snd

/// A single target that is a number at every cell of a 10 by 10 grid, each cell given the same number of times.
let private grid repetitions target =
    let cells =
        [
            for a in 0.0 .. 9.0 do
                for b in 0.0 .. 9.0 do
                    for _ in 1..repetitions -> [| a; b |]
        ]

    let targets = List.map target cells

    TrainingSet(
        featureNames,
        [| for i in 1 .. (List.head targets |> Array.length) -> $"y{i}" |],
        table cells,
        table targets
    )

[<Tests>]
let tests =
    testList
        "Learning.Regression.RandomForest"
        [
            testProperty "predictions stay within the range of the targets"
            <| fun (first: NormalFloat) (others: NormalFloat list) (queries: NormalFloat list) key ->
                let targets = [| for value in first :: others -> value.Get |]
                let features = [| for i in 1 .. targets.Length -> float (i % 7) |]

                let set =
                    TrainingSet([| "a" |], [| "y" |], ReadOnlySpan features, ReadOnlySpan targets)

                let forest = fit set fewTrees key

                for query in queries do
                    let predicted = (predict forest [| query.Get |])[0]
                    Expect.isTrue (predicted >= Array.min targets) "not below"
                    Expect.isTrue (predicted <= Array.max targets) "not above"

            testProperty "merged or unmerged rows give the same forest"
            <| fun (first: Row) (others: Row list) minSamplesLeaf maxDepth featuresPerSplit key ->
                let rows = first :: others
                let set = weighted rows [ for row in rows -> weight row + 0.25 ]
                let options = options 1 minSamplesLeaf maxDepth featuresPerSplit
                let merged = RandomForest.Fit(set, options, RandomKey key, true)
                let unmerged = RandomForest.Fit(set, options, RandomKey key, false)
                Expect.equal (bits merged) (bits unmerged) "forest"

            testProperty "the same key gives the same forest at 1 and 2 threads"
            <| fun (first: Row) (others: Row list) minSamplesLeaf maxDepth featuresPerSplit key ->
                let set = unweighted (first :: others)

                let onThreads threads =
                    fit set (options threads minSamplesLeaf maxDepth featuresPerSplit) key

                Expect.equal (bits (onThreads 2)) (bits (onThreads 1)) "forest"

            testCase "two threads that both have much to do give the same forest as one"
            <| fun () ->
                let set = grid 20 (fun cell -> [| cell[0] * cell[1]; cell[0] - cell[1] |])

                let onThreads threads =
                    fit set (ForestOptions(Threads = threads, FeaturesPerSplit = 1)) 1UL

                Expect.equal (bits (onThreads 2)) (bits (onThreads 1)) "forest"

            testProperty "the order of the rows changes nothing"
            <| fun (first: Row) (others: Row list) order key ->
                let rows = first :: others |> List.collect (List.replicate 3)
                let weights = [ for i in 1 .. rows.Length -> 0.1 + float (i % 3) ]
                let otherRows, otherWeights = List.zip rows weights |> shuffled order |> List.unzip

                Expect.equal
                    (bits (fit (weighted otherRows otherWeights) fewTrees key))
                    (bits (fit (weighted rows weights) fewTrees key))
                    "forest"

            testProperty "a row twice is the row with twice the weight"
            <| fun (first: Row) (others: Row list) key ->
                let rows = first :: others

                let doubled =
                    rows |> List.collect (fun row -> List.replicate (1 + int (weight row)) row)

                Expect.equal
                    (bits (fit (unweighted doubled) fewTrees key))
                    (bits (fit (weighted rows [ for row in rows -> 1.0 + weight row ]) fewTrees key))
                    "forest"

            testProperty "a row of weight 0 changes nothing"
            <| fun (first: Row) (others: Row list) key ->
                let rows = { first with Weight = 1uy } :: others
                let kept = rows |> List.filter (fun row -> weight row > 0.0)

                Expect.equal
                    (bits (fit (weighted rows (List.map weight rows)) fewTrees key))
                    (bits (fit (weighted kept (List.map weight kept)) fewTrees key))
                    "forest"

            testProperty "multiplying one target by a power of two multiplies its predictions and changes nothing else"
            <| fun (first: Row) (others: Row list) (exponent: sbyte) key ->
                let rows = first :: others
                let factor = 2.0 ** float (exponent % 20y)

                let scaled =
                    TrainingSet(
                        featureNames,
                        [| "y"; "z" |],
                        table (List.map features rows),
                        table [ for row in rows -> [| target row * factor; (targets row)[1] |] ]
                    )

                Expect.equal
                    (predictions (fit scaled fewTrees key))
                    [
                        for predicted in predictions (fit (unweighted rows) fewTrees key) ->
                            [| predicted[0] * factor; predicted[1] |]
                    ]
                    "predictions"

            testProperty "rows predicted together are predicted as they are alone, and so is how far trees disagree"
            <| fun (first: Row) (others: Row list) (asked: Row list) key ->
                let forest = fit (unweighted (first :: others)) fewTrees key
                let rows = List.map features asked
                let together = Array.zeroCreate (2 * rows.Length)
                let deviations = Array.zeroCreate (2 * rows.Length)
                forest.PredictRows(table rows, Span together)
                Expect.equal together (rows |> List.map (predict forest) |> Array.concat) "predictions"

                forest.PredictRows(table rows, Span together, Span deviations)

                let alone =
                    [|
                        for row in rows do
                            let outputs, deviations = Array.zeroCreate 2, Array.zeroCreate 2
                            forest.Predict(ReadOnlySpan row, Span outputs, Span deviations)
                            outputs, deviations
                    |]

                Expect.equal together (alone |> Array.collect fst) "the same predictions"
                Expect.equal deviations (alone |> Array.collect snd) "deviations"

            testCase "more rows than are led through a tree at a time are predicted as they are alone"
            <| fun () ->
                let forest =
                    fit (grid 1 (fun cell -> [| 10.0 * cell[0] + cell[1]; cell[0] * cell[1] |])) fewTrees 1UL

                let rows =
                    [
                        for a in 0.0..0.4..9.0 do
                            for b in 0.0..0.3..9.0 -> [| a; b |]
                    ]

                let together = Array.zeroCreate (2 * rows.Length)
                forest.PredictRows(table rows, Span together)
                Expect.equal together (rows |> List.map (predict forest) |> Array.concat) "predictions"

            testProperty "looking in all features is looking in as many as there are"
            <| fun (first: Row) (others: Row list) key ->
                let set = unweighted (first :: others)
                let all = ForestOptions(Trees = 5, FeaturesPerSplit = 2)
                Expect.equal (predictions (fit set all key)) (predictions (fit set fewTrees key)) "predictions"

            testCase "looking in one feature of two, some trees begin with each"
            <| fun () ->
                let set = grid 1 (fun cell -> [| 100.0 * cell[0] + cell[1] |])
                let one = ForestOptions(Trees = 20, FeaturesPerSplit = 1, MaxDepth = 1)

                let roots = [ for tree in (fit set one 1UL).Trees.ToArray() -> tree.Feature 0 ]

                Expect.sequenceEqual (roots |> List.distinct |> List.sort) [ 0; 1 ] "features of the roots"

            testProperty "one row is predicted everywhere"
            <| fun (row: Row) key ->
                let forest = fit (unweighted [ row ]) fewTrees key
                Expect.all (predictions forest) (fun predicted -> predicted = targets row) "predictions"

            testProperty "a constant target is predicted exactly"
            <| fun (constant: NormalFloat) (first: Row) (others: Row list) key ->
                let rows = first :: others

                let set =
                    TrainingSet(
                        featureNames,
                        [| "constant"; "y" |],
                        table (List.map features rows),
                        table [ for row in rows -> [| constant.Get; target row |] ]
                    )

                Expect.all
                    (predictions (fit set fewTrees key))
                    (fun predicted -> predicted[0] = constant.Get)
                    "predictions"

            testCase "rows far enough from each other and often enough given are learnt"
            <| fun () ->
                let target (cell: float array) =
                    [| cell[0] * cell[1]; cell[0] - cell[1] |]

                let forest = fit (grid 20 target) (ForestOptions()) 1UL

                for cell in [ [| 0.0; 0.0 |]; [| 3.0; 7.0 |]; [| 9.0; 9.0 |] ] do
                    Expect.sequenceEqual
                        (predict forest cell |> Array.map (fun value -> Math.Round(value, 6)))
                        (target cell)
                        "prediction"

            testCase "a target of large variance does not decide every split"
            <| fun () ->
                let step (cell: float array) = if cell[1] < 4.5 then 0.0 else 1.0
                let set = grid 1 (fun cell -> [| 1e6 * cell[0]; step cell |])
                let forest = fit set (ForestOptions(MaxDepth = 1)) 1UL

                for cell in [ [| 0.0; 0.0 |]; [| 9.0; 4.0 |]; [| 0.0; 5.0 |]; [| 9.0; 9.0 |] ] do
                    let predicted = predict forest cell
                    Expect.equal predicted[1] (step cell) "the small target"

            testCase "a prediction allocates nothing, once there is room for many"
            <| fun () ->
                let forest = fit (grid 1 (fun cell -> cell)) fewTrees 1UL

                let cells, outputs, deviations =
                    Array.create 20 1.0, Array.zeroCreate 20, Array.zeroCreate 20


                let predict () =
                    forest.Predict(ReadOnlySpan(cells, 0, 2), Span(outputs, 0, 2))
                    forest.PredictRows(ReadOnlySpan cells, Span outputs)
                    forest.PredictRows(ReadOnlySpan cells, Span outputs, Span deviations)

                predict ()
                let before = GC.GetAllocatedBytesForCurrentThread()

                for _ in 1..100 do
                    predict ()

                Expect.equal (GC.GetAllocatedBytesForCurrentThread() - before) 0L "bytes"

            testCase "wrong lengths and too many features per split are refused"
            <| fun () ->
                let set = grid 1 (fun cell -> [| cell[0] |])
                let forest = fit set fewTrees 1UL

                Expect.throwsT<ArgumentException>
                    (fun () -> forest.Predict(ReadOnlySpan [| 1.0 |], Span [| 0.0 |]))
                    "too few features"

                Expect.throwsT<ArgumentException>
                    (fun () -> forest.Predict(ReadOnlySpan [| 1.0; 2.0 |], Span [| 0.0; 0.0 |]))
                    "too many outputs"

                Expect.throwsT<ArgumentException>
                    (fun () -> forest.PredictRows(ReadOnlySpan [| 1.0; 2.0; 3.0 |], Span [| 0.0 |]))
                    "a row and a half"

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> fit set (ForestOptions(FeaturesPerSplit = 3)) 1UL |> ignore)
                    "too many features per split"
        ]
