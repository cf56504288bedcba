module OnlinePolicyAdaptation.Tests.Learning.SystemModels.NodeFactorsTests

open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

/// One service on three nodes, those listed having a routing weight of 0, 0.2 .. 1.
let private gridOf nodes =
    ControlGrid(
        TwoNodes.array
            [
                for node in nodes do
                    Control($"p{node}", ControlTarget.RoutingWeight(0, node), 0.0, 1.0, 6)

                Control("c", ControlTarget.CpuCores(TwoNodes.array [ 0; 1; 2 ]), 1.0, 2.0, 2)
            ]
    )

let private sharesIn (grid: ControlGrid) configuration =
    let shares: float array = Array.zeroCreate 3
    RoutingShares(grid, 0, 3).Write(configuration, shares)
    shares

/// The factor by which a configuration's response time has grown, its nodes being slower by these factors.
let private trueFactor grid (slower: float list) configuration =
    Seq.sum (Seq.map2 (*) (sharesIn grid configuration) slower)

/// What is thought when all configurations were measured without noise.
let private learned (grid: ControlGrid) slower =
    (NodeFactors(grid, 0), grid.Configurations())
    ||> Array.fold (fun factors configuration ->
        factors.After(configuration, trueFactor grid slower configuration - 1.0, 1e-6))

let private truths =
    [
        [ 1.5; 1.0; 1.0 ]
        [ 1.0; 1.0; 2.0 ]
        [ 1.2; 0.8; 1.0 ]
        [ 1.0; 1.5; 3.0 ]
        [ 1.0; 1.0; 1.0 ]
    ]

let private near = { absolute = 0.03; relative = 0.02 }

[<Tests>]
let tests =
    testList
        "Learning.NodeFactors"
        [
            for nodes in [ [ 0; 1; 2 ]; [ 2; 0; 1 ]; [ 0; 1 ]; [ 2; 1 ] ] do
                for slower in truths do
                    test $"with weights for nodes {nodes} it finds that they are slower by {slower}" {
                        let grid = gridOf nodes
                        let factors = learned grid slower
                        let rest = [ 0; 1; 2 ] |> List.except nodes

                        for node, mean in Seq.zip (nodes @ rest) factors.Means do
                            Expect.floatClose near (1.0 + mean) slower[node] $"node {node}"

                        Expect.hasLength factors.Means 3 "one entry per node"

                        for configuration in grid.Configurations() do
                            Expect.floatClose
                                near
                                (factors.Factor configuration)
                                (trueFactor grid slower configuration)
                                $"{configuration.Levels}"
                    }

            test "the nodes that divide the rest are taken for one" {
                let factors = learned (gridOf [ 1 ]) [ 1.5; 1.0; 1.5 ]
                Expect.hasLength factors.Means 2 "node 2, and the rest"
                Expect.floatClose near (1.0 + factors.Means[0]) 1.0 "node 2"
                Expect.floatClose near (1.0 + factors.Means[1]) 1.5 "the rest"
            }

            test "one measurement is weighed against what was thought, by hand" {
                // All requests go to node 1: prior variance 1, noise 0.1, peculiar to it (0.3 x 0.5)^2 = 0.0225.
                let grid = gridOf [ 0; 1 ]
                let all = Configuration(TwoNodes.array [ 5; 0; 0 ])
                let none = Configuration(TwoNodes.array [ 0; 5; 0 ])
                let factors = NodeFactors(grid, 0).After(all, 0.5, 0.1)
                Expect.floatClose Accuracy.veryHigh (factors.Factor all) (1.0 + 0.5 / 1.1225) "mean"
                Expect.floatClose Accuracy.veryHigh (factors.Deviation all) (sqrt (1.0 - 1.0 / 1.1225)) "deviation"
                Expect.floatClose Accuracy.veryHigh (factors.Factor none) 1.0 "not seen"
                Expect.floatClose Accuracy.veryHigh (factors.Deviation none) 1.0 "not seen"

                // Where nothing has changed the least that is peculiar is 0.05.
                let same = NodeFactors(grid, 0).After(all, 0.0, 0.0)

                Expect.floatClose
                    Accuracy.veryHigh
                    (same.Deviation all)
                    (sqrt (1.0 - 1.0 / 1.0025))
                    "what is peculiar in any case"
            }

            test "no response time is thought to fall below a tenth" {
                let grid = gridOf [ 0 ]
                let all = Configuration(TwoNodes.array [ 5; 0 ])
                Expect.equal (NodeFactors(grid, 0).After(all, -0.99, 0.0).Factor all) 0.1 "though -0.99 was measured"
            }

            test "a grid knows of nodes by its controls, or is told" {
                let weight node =
                    Control($"p{node}", ControlTarget.RoutingWeight(0, node), 0.0, 1.0, 6)

                let nodes controls (given: int option) =
                    ControlGrid(TwoNodes.array controls, nodes = Option.toNullable given).Nodes

                Expect.equal (nodes [ weight 0 ] None) 2 "one that gets the rest"
                Expect.equal (nodes [ weight 0; weight 1 ] None) 2 "those with a weight"
                Expect.equal (nodes [ weight 0; weight 1 ] (Some 3)) 3 "and one without any control"

                Expect.throwsT<System.ArgumentOutOfRangeException>
                    (fun () -> nodes [ weight 2 ] (Some 2) |> ignore)
                    "node 3 of 2"

                let told = ControlGrid(TwoNodes.array [ weight 0; weight 1 ], nodes = 3)
                Expect.hasLength (NodeFactors(told, 0).Means) 3 "the third gets the rest"
            }
        ]
