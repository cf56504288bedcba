module OnlinePolicyAdaptation.Tests.Planning.Tables.NetworkModelTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures

/// A mesh of one service on two nodes with random response times around the bound.
let private mesh edge costAt (decimals: int option) (seed: uint64) =
    let controls =
        [
            Control("p", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 6)
            Control("c", ControlTarget.CpuCores(EquatableArray.ToEquatableArray [ 0 ]), 1.0, 4.0, 4)
            Control("b", ControlTarget.BlockingRate 0, 0.0, 0.6, 3)
        ]

    let grid = ControlGrid(EquatableArray.ToEquatableArray controls, edge)
    let mutable sequence = RandomKey(seed).Sequence()
    let seconds = Array.zeroCreate<float> grid.ConfigurationCount

    for i in 0 .. seconds.Length - 1 do
        seconds[i] <- 0.2 * sequence.NextDouble()

    let reward =
        RewardFunction(
            grid,
            EquatableArray.ToEquatableArray [ ServiceLevelObjective(ResponseTime 0.12) ],
            [ [ 1 ]; [ 0; 2 ] ] |> Seq.map Seq.ofList,
            costAt,
            Option.toNullable decimals
        )

    NetworkDynamics(grid, reward, ResponseTimeTable(grid, 1, seconds))

let private loads = EquatableArray.ToEquatableArray [ RequestRate 5.0 ]

/// A law of every kind of mesh.
let private law name (body: NetworkDynamics -> unit) =
    testProperty name (fun (seed: uint64) ->
        for edge in [ GridEdge.Clip; GridEdge.Mask ] do
            for costAt in [ CostAt.CurrentState; CostAt.NextState ] do
                for decimals in [ None; Some 3 ] do
                    body (mesh edge costAt decimals seed))

let private tabulate dynamics =
    NetworkModel.tabulate dynamics loads |> GoldenModels.orFail

[<Tests>]
let tests =
    testList
        "Planning.Tables.NetworkModel"
        [
            law "the table of a mesh is that of its system model" (fun dynamics ->
                let grid = dynamics.Grid
                let model = tabulate dynamics

                let sampled =
                    FiniteModel.tabulate
                        dynamics
                        (NetworkModel.states grid loads)
                        (fun state -> grid.IndexOf state.Configuration)
                        (fun (action: ControlAction) -> grid.IndexOf action)
                    |> GoldenModels.orFail

                model.FirstChoice |> Expect.equal "choices" sampled.FirstChoice
                model.Actions |> Expect.equal "actions" sampled.Actions
                model.Rewards |> Expect.equal "rewards" sampled.Rewards
                model.Successors |> Expect.equal "successors" sampled.Successors)

            law "the greedy policy is the same as a table and as a policy" (fun dynamics ->
                let model = tabulate dynamics
                let policy = GreedyPolicy(dynamics, dynamics.Grid)

                NetworkModel.policy dynamics loads policy (RandomKey 1UL) model
                |> Expect.equal "choices" (Ok(NetworkModel.greedy dynamics.Grid GreedyPolicy.DefaultMoveCharge model)))

            testCase "the random policy takes every admissible action about equally often, and no other" (fun () ->
                let dynamics = mesh GridEdge.Mask CostAt.CurrentState None 1UL
                let grid = dynamics.Grid
                let state = SystemState(grid.ConfigurationAt 0, loads)
                let policy = RandomPolicy()
                let admissible = dynamics.AdmissibleActions state |> Seq.toArray

                let counts =
                    Array.init 8000 (fun i ->
                        policy.Act(state, grid.Mask state.Configuration, RandomKey(7UL).Split(i: int)))
                    |> Array.countBy id
                    |> dict

                counts.Count |> Expect.equal "different actions" admissible.Length

                // 8 actions: 1,000 each, with a standard deviation below 30.
                for action in admissible do
                    (abs (counts[action] - 1000), 150) |> Expect.isLessThan $"{action}")

            test "the random policy is the uniform distribution over the admissible actions" {
                for edge in [ GridEdge.Mask; GridEdge.Clip ] do
                    let dynamics = mesh edge CostAt.NextState None 3UL

                    match NetworkModel.tabulate dynamics loads with
                    | Error message -> failtest message
                    | Ok model ->
                        (NetworkModel.randomized dynamics loads (RandomPolicy()) model, RandomizedPolicy.uniform model)
                        ||> Array.iter2 (fun found expected ->
                            Expect.floatClose "probability" Accuracy.high expected found)
            }
        ]
