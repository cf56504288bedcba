namespace OnlinePolicyAdaptation.Planning

open System
open OnlinePolicyAdaptation.Domain.Mdp

/// The terms of a local model under one configuration and their sums. Each sum is a tree of pairwise sums: changing a
/// term costs time logarithmic in their number, and the sums are the same bits whatever was changed and undone before.
type internal TermSums =
    private
        {
            sumOf: int[]
            /// Where each term stands in the tree of its sum.
            leaf: int[]
            /// The root of a tree is node 1, the children of node i are 2i and 2i + 1, the terms come last.
            trees: float[][]
            sums: float[]
        }

    member this.Sums = this.sums

[<RequireQualifiedAccess>]
module internal TermSums =

    let create (model: ILocalModel) (levels: int[]) =
        let layout = model.Layout
        let sumOf = Array.init layout.TermCount layout.SumOf
        let lengths = Array.zeroCreate<int> layout.SumCount

        for sum in sumOf do
            lengths[sum] <- lengths[sum] + 1

        let trees = lengths |> Array.map (fun n -> Array.zeroCreate<float>(2 * max 1 n))
        let leaf = Array.zeroCreate<int> sumOf.Length
        let filled = Array.copy lengths

        for term in 0 .. leaf.Length - 1 do
            let sum = sumOf[term]
            leaf[term] <- filled[sum]
            filled[sum] <- filled[sum] + 1
            trees[sum][leaf[term]] <- model.Term(term, ReadOnlySpan levels)

        for sum in 0 .. trees.Length - 1 do
            for node in lengths[sum] - 1 .. -1 .. 1 do
                trees[sum][node] <- trees[sum][2 * node] + trees[sum][2 * node + 1]

        {
            sumOf = sumOf
            leaf = leaf
            trees = trees
            sums = trees |> Array.map (fun tree -> tree[1])
        }

    let get (terms: TermSums) term =
        terms.trees[terms.sumOf[term]][terms.leaf[term]]

    let set (terms: TermSums) term value =
        let sum = terms.sumOf[term]
        let tree = terms.trees[sum]
        let mutable node = terms.leaf[term]
        tree[node] <- value
        node <- node / 2

        while node >= 1 do
            tree[node] <- tree[2 * node] + tree[2 * node + 1]
            node <- node / 2

        terms.sums[sum] <- tree[1]
