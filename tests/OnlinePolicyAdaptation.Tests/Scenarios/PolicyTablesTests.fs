module OnlinePolicyAdaptation.Tests.Scenarios.PolicyTablesTests

open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests

let private loads =
    [ for rate in [ 5.0; 10.0; 15.0 ] -> TwoNodes.array [ RequestRate rate ] ]

/// Response times that grow with the load, and how often one was asked for.
let private system () =
    let asked = ref 0

    { new IResponseTimeModel with
        member _.Predict(configuration, offeredLoads, responseTimes) =
            Interlocked.Increment asked |> ignore

            responseTimes[0] <-
                TwoNodes.responseTime 0.08 configuration
                * (0.8 + offeredLoads[0].PerSecond / 25.0)
    },
    asked

let private actions grid (policy: IPolicy<SystemState, ControlAction>) =
    [
        for load in loads do
            for state in NetworkModel.states grid load do
                policy.Act(state, grid.Mask state.Configuration, RandomKey 1UL)
    ]

[<Tests>]
let tests =
    testList
        "Scenarios.PolicyTables"
        [
            test "the tables of a policy act as the policy does, in every state and under every load" {
                for edge in [ GridEdge.Mask; GridEdge.Clip ] do
                    let grid = TwoNodes.gridWith edge

                    for seed in 1UL .. 5UL do
                        let policy = Networks.policy (RandomKey seed) ActionSelection.Likeliest
                        let tables = PolicyTables.ofPolicy grid policy
                        Expect.equal (actions grid tables) (actions grid policy) "actions"
                        Expect.equal (actions grid tables) (actions grid policy) "again"
            }

            test "a policy is asked once for each state, whatever is asked of its tables" {
                let mutable asked = 0

                let counting =
                    { new IPolicy<SystemState, ControlAction> with
                        member _.Act(_, _, _) =
                            asked <- asked + 1
                            ControlAction.Keep TwoNodes.grid.Controls.Count
                    }

                let tables = PolicyTables.ofPolicy TwoNodes.grid counting

                for _ in 1..3 do
                    actions TwoNodes.grid tables |> ignore

                Expect.equal asked (loads.Length * TwoNodes.grid.ConfigurationCount) "asked"
            }

            test "the greedy policy as tables acts as it does by itself, and asks for each response time once" {
                let responseTimes, asked = system ()

                let greedy =
                    GreedyPolicy(NetworkDynamics(TwoNodes.grid, TwoNodes.reward, fst (system ())), TwoNodes.grid, 0.05)

                let tables =
                    PolicyTables.ofModel
                        TwoNodes.grid
                        TwoNodes.reward
                        responseTimes
                        (NetworkModel.greedy TwoNodes.grid 0.05)

                Expect.equal (actions TwoNodes.grid tables) (actions TwoNodes.grid greedy) "actions"
                Expect.equal asked.Value (loads.Length * TwoNodes.grid.ConfigurationCount) "asked"
            }
        ]
