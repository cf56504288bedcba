module OnlinePolicyAdaptation.Tests.Network.RoutingSharesTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Network

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
        ]
