/// Small training sets: on a coarse grid, so that rows repeat and splits tie, with whole-numbered targets.
module OnlinePolicyAdaptation.Tests.Learning.Regression.Samples

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.Regression

/// Any bytes make a row; FsCheck draws and shrinks them.
type Row =
    {
        A: byte
        B: byte
        Y: sbyte
        Z: sbyte
        Weight: byte
    }

let features row =
    [| float (row.A % 4uy); float (row.B % 6uy) / 5.0 |]

/// Two targets whose variances differ by far.
let targets row =
    [| float (row.Y % 9y); 1000.0 * float (row.Z % 9y) |]

/// The first target alone.
let target row = Array.head (targets row)

/// 0, 1 or 2.
let weight row = float (row.Weight % 3uy)

let table (rows: float array list) = ReadOnlySpan(Array.concat rows)

let featureNames = [| "a"; "b" |]

/// A training set of both targets, of the given weights.
let weighted rows weights =
    TrainingSet(
        featureNames,
        [| "y"; "z" |],
        table (List.map features rows),
        table (List.map targets rows),
        ReadOnlySpan(Array.ofList weights)
    )

/// A training set of both targets, where every row weighs 1.
let unweighted rows = weighted rows [ for _ in rows -> 1.0 ]

/// Every cell of the grid, one step around it, and between cells.
let queries =
    [
        for a in -1.0 .. 0.5..4.0 do
            for b in -0.2 .. 0.1..1.2 -> [| a; b |]
    ]

let predict (forest: RandomForest) (row: float array) =
    let outputs = Array.zeroCreate forest.TargetNames.Count
    forest.Predict(ReadOnlySpan row, Span outputs)
    outputs

let predictions forest = List.map (predict forest) queries

let fewTrees = ForestOptions(Trees = 5)

/// A forest, to the last bit.
let bits (forest: RandomForest) = ForestFile.Write forest

let fit set options (key: uint64) =
    RandomForest.Fit(set, options, RandomKey key)
