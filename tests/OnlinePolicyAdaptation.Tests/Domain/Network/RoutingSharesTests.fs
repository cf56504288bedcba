module OnlinePolicyAdaptation.Tests.Network.RoutingSharesTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private shares (weights: float option list) =
    let shares: float array = Array.zeroCreate weights.Length
    let weights = [| for weight in weights -> Option.toNullable weight |]
    RoutingShares.Compute(weights, shares)
    List.ofArray shares

let private weight level = float level / 5.0

[<Tests>]
let tests =
    testList
        "Domain.Network.RoutingShares"
        [
            testCase "the nodes without a weight divide what is left"
            <| fun () ->
                Expect.equal (shares [ Some 0.25; None ]) [ 0.25; 0.75 ] "the rest goes to node 2"
                Expect.equal (shares [ None; Some 0.5; None ]) [ 0.25; 0.5; 0.25 ] "the rest is halved"

            testCase "weights beyond 1 leave nothing and are normalised"
            <| fun () -> Expect.equal (shares [ Some 1.0; None; Some 1.0 ]) [ 0.5; 0.0; 0.5 ] "shares"

            testCase "where all nodes have a weight these are normalised"
            <| fun () ->
                Expect.equal (shares [ Some 0.25; Some 0.25 ]) [ 0.5; 0.5 ] "too little"
                Expect.equal (shares [ Some 0.2 ]) [ 1.0 ] "a single node gets everything"

            testCase "where no weight says anything all nodes get the same"
            <| fun () ->
                Expect.equal (shares [ Some 0.0; Some 0.0 ]) [ 0.5; 0.5 ] "all zero"
                Expect.equal (shares [ None; None; None; None ]) [ 0.25; 0.25; 0.25; 0.25 ] "none given"

            testProperty "shares are shares: not negative, and 1 in sum"
            <| fun (first: byte option) (others: byte option list) ->
                let shares =
                    shares (first :: others |> List.map (Option.map (fun level -> weight (int level % 6))))

                Expect.all shares (fun share -> share >= 0.0 && share <= 1.0) "between 0 and 1"
                Expect.isLessThan (abs (List.sum shares - 1.0)) 1e-12 "1 in sum"

            testProperty "relabelling nodes relabels their shares"
            <| fun (first: byte option) (others: byte option list) (rotation: byte) ->
                let weights =
                    first :: others |> List.map (Option.map (fun level -> weight (int level % 6)))

                let relabelled list =
                    let front, back = List.splitAt (int rotation % List.length list) list
                    List.rev (back @ front)

                for a, b in List.zip (relabelled (shares weights)) (shares (relabelled weights)) do
                    Expect.isLessThan (abs (a - b)) 1e-12 "the node's share, whatever its number"

            test "shares of a configuration come from the service's own weights, at their nodes" {
                let weight name service node =
                    Control(name, ControlTarget.RoutingWeight(service, node), 0.0, 1.0, 6)

                let grid =
                    ControlGrid(TwoNodes.array [ weight "p13" 0 2; weight "p21" 1 0; weight "p11" 0 0 ])

                let sharesOf service nodes =
                    let shares = RoutingShares(grid, service, nodes)
                    let written: float array = Array.zeroCreate nodes
                    shares.Write(Configuration(TwoNodes.array [ 2; 5; 1 ]), written)
                    [ for node in 0 .. nodes - 1 -> shares.IsWeighted node ], List.ofArray written

                let weighted, first = sharesOf 0 4
                Expect.equal weighted [ true; false; true; false ] "nodes 1 and 3"

                for share, expected in List.zip first [ 0.2; 0.2; 0.4; 0.2 ] do
                    Expect.floatClose Accuracy.veryHigh share expected "0.2 and 0.4, and 0.4 for the other two"

                Expect.equal (snd (sharesOf 1 3)) [ 1.0; 0.0; 0.0 ] "all to node 1"
                Expect.equal (snd (sharesOf 2 4)) [ 0.25; 0.25; 0.25; 0.25 ] "no weight of its own"

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> RoutingShares(grid, 0, 2) |> ignore)
                    "a weight for node 3 of 2"
            }
        ]
