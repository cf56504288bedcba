module OnlinePolicyAdaptation.Tests.Learning.SystemModels.NodeFactorFilterTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

let private key = RandomKey 5UL
let private nodes, services, change = 8, 12, 20
let private trials = 30

/// The delays of many meshes, sorted, in which a node changes to a factor and back after 25 intervals: of the change, of the
/// way back.
let private delays (adjust: FilteredNodes.Mesh -> FilteredNodes.Mesh) factor =
    let pairs =
        Array.init trials (fun trial ->
            let mesh = adjust (FilteredNodes.mesh nodes services (key.Split trial))

            // The node that has most of some service.
            let node = mesh.Shares[0] |> Array.indexed |> Array.maxBy snd |> fst

            let factors interval =
                Array.init nodes (fun other ->
                    if other = node && interval >= change && interval < change + 25 then
                        factor
                    else
                        1.0)

            let filters = FilteredNodes.run mesh (key.Split(1000 + trial)) factors 65

            FilteredNodes.delay filters[.. change + 24] node factor change,
            FilteredNodes.delay filters node 1.0 (change + 25))

    Array.sort (Array.map fst pairs), Array.sort (Array.map snd pairs)

let private median (sorted: int[]) = sorted[sorted.Length / 2]
let private nineOfTen (sorted: int[]) = sorted[sorted.Length * 9 / 10]

let private alarms (filters: NodeFactorFilter[]) = filters |> Array.sumBy _.Alarms.Count

/// The mean of a node's logarithm.
let private mean (filter: NodeFactorFilter) node =
    let p = filter.Probabilities node
    let mutable sum = 0.0

    for i in 0 .. p.Length - 1 do
        sum <- sum + p[i] * FactorGrid.Log i

    sum

/// One service on two nodes, whose factors change one after the other.
let private pairFactors interval =
    [|
        if interval >= 10 && interval < 30 then 2.0 else 1.0
        if interval >= 20 then 1.6 else 1.0
    |]

/// Shares that move, as those of a configuration do.
let private pairShares interval =
    let share = 0.2 + 0.6 * float (interval % 4) / 3.0
    [| share; 1.0 - share |]

let private measured (random: RandomKey) (interval: int) =
    let mutable sequence = (random.Split interval).Sequence()

    FilteredNodes.logRatio (pairShares interval) (pairFactors interval)
    + 0.03 * FilteredNodes.normal &sequence

let private pair random =
    (NodeFactorFilter.Unchanged(2, 1), seq { 0..39 })
    ||> Seq.scan (fun filter interval ->
        filter.After
            [|
                FilteredNodes.observation 0 (pairShares interval) 0.03 0.0 (measured random interval)
            |])
    |> Seq.tail
    |> Seq.toArray

[<Tests>]
let tests =
    testList
        "Learning.NodeFactorFilter"
        [
            // The lab's figures, on 8 nodes and 12 services: median and 90 % of the delays.
            test "a node at 45 % of its speed is seen within an interval or two, and its return as soon" {
                let there, back = delays id (1.0 / 0.45)
                Expect.isLessThanOrEqual (median there) 1 "median"
                Expect.isLessThanOrEqual (nineOfTen there) 3 "90 %"
                Expect.isLessThanOrEqual (median back) 1 "median of the return"
                Expect.isLessThanOrEqual (nineOfTen back) 5 "90 % of the return"
            }

            test "a node at 60 % of its speed is seen within a few intervals" {
                let there, _ = delays id (1.0 / 0.6)
                Expect.isLessThanOrEqual (median there) 3 "median"
                Expect.isLessThanOrEqual (nineOfTen there) 17 "90 %"
            }

            test "with outliers of up to 60 s it is seen nearly as soon" {
                let there, back = delays (fun mesh -> { mesh with Outliers = 0.05 }) (1.0 / 0.45)
                Expect.isLessThanOrEqual (median there) 2 "median"
                Expect.isLessThanOrEqual (nineOfTen there) 5 "90 %"
                Expect.isLessThanOrEqual (median back) 2 "median of the return"
            }

            test "with noise that is correlated by 0.9 it is seen" {
                let there, back = delays (fun mesh -> { mesh with Correlation = 0.9 }) (1.0 / 0.45)
                Expect.isLessThanOrEqual (median there) 2 "median"
                Expect.isLessThanOrEqual (nineOfTen there) 6 "90 %"
                Expect.isLessThanOrEqual (median back) 2 "median of the return"
            }

            for name, adjust, most in
                [
                    "independent noise", (fun (mesh: FilteredNodes.Mesh) -> mesh), 1.0
                    "outliers", (fun mesh -> { mesh with Outliers = 0.05 }), 1.5
                    "correlated noise", (fun mesh -> { mesh with Correlation = 0.9 }), 3.0
                ] do
                test $"where nothing changes, {name} makes it announce next to nothing" {
                    let false' =
                        Seq.init 5 (fun trial ->
                            let mesh = adjust (FilteredNodes.mesh nodes services (key.Split(50 + trial)))
                            FilteredNodes.run mesh (key.Split(2000 + trial)) (fun _ -> Array.create nodes 1.0) 200)
                        |> Seq.sumBy alarms

                    Expect.isLessThanOrEqual
                        (1000.0 * float false' / float (5 * 200 * nodes))
                        most
                        "per 1,000 nodes and intervals"
                }

            test "two nodes of one service are found as the joint distribution has them" {
                let oracle = FilteredNodes.JointOracle()
                let filters = pair key
                let mutable worst = 0.0

                for interval in 0..39 do
                    oracle.After(pairShares interval, 0.03, measured key interval)

                    // What is thought of both together is forgotten each interval; it counts just after a change.
                    if interval % 10 >= 5 then
                        for node in 0..1 do
                            worst <- max worst (abs (oracle.Mean node - mean filters[interval] node))

                Expect.isLessThan worst 0.1 "the largest difference of mean logarithms"
            }

            test "one interval of two nodes is judged as the joint distribution judges it, with a third there or not" {
                for nodes, shares in [ 2, [| 0.3; 0.7 |]; 3, [| 0.3; 0.7; 0.0 |] ] do
                    for ratio in [ 0.9; 1.2; 1.8; 3.0 ] do
                        let oracle = FilteredNodes.JointOracle()
                        oracle.After([| 0.3; 0.7 |], 0.05, log ratio)

                        let filter =
                            NodeFactorFilter.Unchanged(nodes, 1).After
                                [| FilteredNodes.observation 0 shares 0.05 0.0 (log ratio) |]

                        for node in 0..1 do
                            Expect.isLessThan
                                (abs (oracle.Mean node - mean filter node))
                                0.005
                                $"node {node} at {ratio}"
            }

            test
                "were a node known, the other of two would be what makes up for it, and all others as they are thought of" {
                let after nodes shares =
                    (NodeFactorFilter.Unchanged(nodes, 1), seq { 1..4 })
                    ||> Seq.fold (fun filter _ ->
                        filter.After [| FilteredNodes.observation 0 shares 0.03 0.0 (log 1.6) |])

                let pair = after 2 [| 0.5; 0.5 |]

                for point in [ 2; FactorGrid.Unchanged; 28 ] do
                    let assumed = pair.Assuming(0, point)
                    Expect.equal (assumed.QuantilePoint(0, 0.5)) point "known"

                    Expect.isLessThan
                        (abs (0.5 * exp (FactorGrid.Log point) + 0.5 * exp (assumed.Median 1) - 1.6))
                        0.15
                        $"in all as measured, at point {point}"

                let three = after 3 [| 0.5; 0.3; 0.2 |]
                let assumed = three.Assuming(1, 2)
                Expect.equal (assumed.QuantilePoint(1, 0.5)) 2 "known"

                for node in [ 0; 2 ] do
                    Expect.equal (assumed.Median node) (three.Median node) "as it was thought of"

                let impossible = NodeFactorFilter.Unchanged(2, 1).Assuming(1, 2)
                Expect.equal (impossible.QuantilePoint(1, 0.5)) 2 "known, though it was thought impossible"
                Expect.isLessThan (abs (impossible.Median 0)) 0.03 "the other as before"
            }

            test "a single interval of a minute moves nothing" {
                let filter =
                    NodeFactorFilter.Unchanged(1, 1).After
                        [| FilteredNodes.observation 0 [| 1.0 |] 0.05 0.0 (log 600.0) |]

                Expect.isLessThan (abs (filter.Median 0)) 0.03 "as before"
            }

            test "a node that no service uses may have come back, the more the longer that is" {
                let slow =
                    (NodeFactorFilter.Unchanged(2, 1), seq { 1..10 })
                    ||> Seq.fold (fun filter _ ->
                        filter.After [| FilteredNodes.observation 0 [| 0.0; 1.0 |] 0.03 0.0 (log 2.2) |])

                let unseen intervals =
                    (slow, seq { 1..intervals })
                    ||> Seq.fold (fun filter _ ->
                        filter.After [| FilteredNodes.observation 0 [| 1.0; 0.0 |] 0.03 0.0 0.0 |])

                let isBack (filter: NodeFactorFilter) =
                    let p = filter.Probabilities 1

                    p[FactorGrid.Unchanged - 1]
                    + p[FactorGrid.Unchanged]
                    + p[FactorGrid.Unchanged + 1]

                Expect.isLessThan (isBack slow) 0.05 "just seen"
                Expect.isGreaterThan (isBack (unseen 40)) 0.1 "after 40 intervals"
                Expect.isGreaterThan (isBack (unseen 80)) (isBack (unseen 40)) "after 80"
            }

            testProperty "relabelling the nodes of a service relabels what is thought of them" (fun (seed: uint16) ->
                let mutable sequence = (RandomKey(uint64 seed)).Sequence()
                let share = sequence.NextDouble()
                let ratios = Array.init 4 (fun _ -> 2.0 * sequence.NextDouble() - 0.5)

                let run shares =
                    (NodeFactorFilter.Unchanged(2, 1), ratios)
                    ||> Array.fold (fun filter ratio ->
                        filter.After [| FilteredNodes.observation 0 shares 0.05 0.0 ratio |])

                let straight, swapped = run [| share; 1.0 - share |], run [| 1.0 - share; share |]

                for node in 0..1 do
                    for point in 0 .. FactorGrid.Points - 1 do
                        Expect.floatClose
                            Accuracy.high
                            (straight.Probabilities(node)[point])
                            (swapped.Probabilities(1 - node)[point])
                            $"node {node}")

            testProperty
                "what is thought of each node stays a distribution, whatever is measured"
                (fun (seed: uint16) ->
                    let mutable sequence = (RandomKey(uint64 seed)).Sequence()
                    let mutable filter = NodeFactorFilter.Unchanged(3, 2)

                    for _ in 1..6 do
                        filter <-
                            filter.After
                                [|
                                    for service in 0..1 do
                                        let a, b = sequence.NextDouble(), sequence.NextDouble()

                                        FilteredNodes.observation
                                            service
                                            [| a * b; a * (1.0 - b); 1.0 - a |]
                                            (0.01 + sequence.NextDouble())
                                            (0.95 * sequence.NextDouble())
                                            (20.0 * sequence.NextDouble() - 10.0)
                                |]

                    for node in 0..2 do
                        let p = filter.Probabilities(node).ToArray()
                        Expect.isTrue (Array.forall (fun p -> p >= 0.0) p) "no probability below 0"
                        Expect.floatClose Accuracy.high (Array.sum p) 1.0 "their sum")

            test "a filter that is kept and taken up again goes on with the same bits" {
                let mesh =
                    { FilteredNodes.mesh 4 5 key with
                        Correlation = 0.8
                    }

                let factors _ = [| 1.0; 2.0; 1.0; 1.0 |]
                let filters = FilteredNodes.run mesh key factors 6
                let next = [| FilteredNodes.observation 2 mesh.Shares[2] 0.05 0.8 0.3 |]
                let again = NodeFactorFilter.Of(filters[5].State).After next
                let straight = filters[5].After next
                Expect.equal again.State.Probabilities straight.State.Probabilities "probabilities"
                Expect.equal again.State.LeftOver straight.State.LeftOver "what was left over"
                Expect.equal again.State.Streaks straight.State.Streaks "streaks"
            }

            test "the quantiles of a node stand in their order, and the median where half is below" {
                let filter = (pair key)[15]

                let quantiles =
                    [
                        for probability in [ 0.05; 0.25; 0.5; 0.75; 0.95 ] -> filter.Quantile(0, probability)
                    ]

                Expect.sequenceEqual quantiles (List.sort quantiles) "ascending"
                Expect.equal quantiles[2] (filter.Median 0) "the median"
                Expect.isLessThan (abs (filter.Median 0 - log 2.0)) 0.1 "near its factor"
            }
        ]
