/// A regression tree grown the obvious way: every threshold of every feature tried, in exact rational arithmetic.
module OnlinePolicyAdaptation.Tests.Learning.Regression.SlowTree

open System.Numerics
open OnlinePolicyAdaptation.Learning.Regression

type Tree =
    | Leaf of value: float
    | Split of feature: int * threshold: float * left: Tree * right: Tree

/// One row of the bootstrap: its features, its targets, whole numbers, and how often it was drawn.
type Draw =
    {
        Features: float array
        Targets: int list
        Times: int
    }

let private times draws =
    List.sumBy (fun draw -> BigInteger draw.Times) draws

let private sum output draws =
    List.sumBy (fun draw -> BigInteger(draw.Times * draw.Targets[output])) draws

/// By how much the sum of squared deviations of a target from its mean falls, s_l^2 / n_l + s_r^2 / n_r - s^2 / n, as
/// numerator and denominator.
let private gain output (left, right) =
    let n, s = times (left @ right), sum output (left @ right)
    let n1, s1, n2, s2 = times left, sum output left, times right, sum output right
    s1 * s1 * n2 * n + s2 * s2 * n1 * n - s * s * n1 * n2, n1 * n2 * n

let private isGreater (numerator1: BigInteger, denominator1) (numerator2, denominator2: BigInteger) =
    numerator1 * denominator2 > numerator2 * denominator1

/// Every split that leaves enough draws on both sides, by feature and threshold.
let private splits minSamplesLeaf (draws: Draw list) =
    [
        for feature in 0 .. draws.Head.Features.Length - 1 do
            let values =
                draws
                |> List.map (fun draw -> draw.Features[feature])
                |> List.distinct
                |> List.sort

            for low, high in List.pairwise values do
                let sides = draws |> List.partition (fun draw -> draw.Features[feature] <= low)

                if times (fst sides) >= minSamplesLeaf && times (snd sides) >= minSamplesLeaf then
                    feature, (low + high) / 2.0, sides
    ]

let rec private growFrom depth (options: ForestOptions) draws =
    let better best (feature, threshold, sides) =
        match best with
        | Some(_, _, bestSides) when not (isGreater (gain 0 sides) (gain 0 bestSides)) -> best
        | _ when isGreater (gain 0 sides) (BigInteger.Zero, BigInteger.One) -> Some(feature, threshold, sides)
        | _ -> best

    let allowed = not (options.MaxDepth.HasValue && depth >= options.MaxDepth.Value)

    let splits =
        if allowed then
            splits (BigInteger options.MinSamplesLeaf) draws
        else
            []

    match List.fold better None splits with
    | Some(feature, threshold, (left, right)) ->
        Split(feature, threshold, growFrom (depth + 1) options left, growFrom (depth + 1) options right)
    | None -> Leaf(float (sum 0 draws) / float (times draws))

/// Grows on one target of the rows that were drawn at all; MinSamplesLeaf and MaxDepth count, the first best split wins.
let ofDraws options draws =
    draws |> List.filter (fun draw -> draw.Times > 0) |> growFrom 0 options

/// The fast tree in the same terms.
let ofTree (tree: RegressionTree) =
    let mutable splits = 0

    let firstChildren =
        [|
            for node in 0 .. tree.Nodes - 1 ->
                if tree.IsLeaf node then
                    -1
                else
                    splits <- splits + 1
                    2 * splits - 1
        |]

    let rec subtree node =
        match firstChildren[node] with
        | -1 -> Leaf(tree.Value(node)[0])
        | child -> Split(tree.Feature node, tree.Threshold node, subtree child, subtree (child + 1))

    subtree 0

/// Whether two trees have the same shape, features and thresholds, and leaf values up to rounding.
let rec agree one other =
    match one, other with
    | Leaf a, Leaf b -> abs (a - b) < 1e-9
    | Split(feature1, threshold1, left1, right1), Split(feature2, threshold2, left2, right2) ->
        feature1 = feature2
        && threshold1 = threshold2
        && agree left1 left2
        && agree right1 right2
    | _ -> false

/// Whether every split of a tree of several targets gains as much as any other split would, up to rounding, and every
/// leaf is one because none gains. Each target's gain is divided by its variance over the training set.
let rec isBest (variances: float list) tree (draws: Draw list) =
    let gain sides =
        variances
        |> List.mapi (fun output variance ->
            let numerator, denominator = gain output sides

            if variance = 0.0 then
                0.0
            else
                float numerator / float denominator / variance)
        |> List.sum

    let best =
        splits BigInteger.One draws
        |> List.map (fun (_, _, sides) -> gain sides)
        |> List.fold max 0.0

    match tree with
    | Leaf _ -> best = 0.0
    | Split(feature, threshold, left, right) ->
        let sides =
            draws |> List.partition (fun draw -> draw.Features[feature] <= threshold)

        gain sides > best * (1.0 - 1e-12)
        && isBest variances left (fst sides)
        && isBest variances right (snd sides)
