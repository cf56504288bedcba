module OnlinePolicyAdaptation.Tests.Domain.RewardFunction

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private levels (values: int list) = Configuration(TwoNodes.array values)

let private rewardOf (reward: RewardFunction) (current: Configuration) next (seconds: float list) =
    reward.Reward(current, next, ReadOnlySpan(List.toArray seconds))

/// Scenario 1: c1, c2 in 1..5 and p1, p2 in 0, 0.2 .. 1.
let private scenario1 costAt =
    let cores name node =
        Control(name, ControlTarget.CpuCores(TwoNodes.array [ node ]), 1.0, 5.0, 5)

    let weight name service =
        Control(name, ControlTarget.RoutingWeight(service, 0), 0.0, 1.0, 6)

    let grid =
        ControlGrid(TwoNodes.array [ cores "c1" 0; cores "c2" 1; weight "p1" 0; weight "p2" 1 ])

    let objectives =
        TwoNodes.array
            [
                ServiceLevelObjective(ResponseTime 0.95)
                ServiceLevelObjective(ResponseTime 0.115)
            ]

    RewardFunction(grid, objectives, [ Seq.ofList [ 0; 1 ]; Seq.ofList [ 2 ]; Seq.ofList [ 3 ] ], costAt, Nullable())

[<Tests>]
let tests =
    testList
        "Domain.Network.RewardFunction"
        [
            test "scenario 1 charges the state one leaves" {
                // (1 - (2 + 3)/10) (1 - 0.2) (1 - 0.4) = 0.24
                let value =
                    rewardOf
                        (scenario1 CostAt.CurrentState)
                        (levels [ 1; 2; 1; 2 ])
                        (levels [ 0; 0; 0; 0 ])
                        [ 0.9; 0.1 ]

                Expect.floatClose Accuracy.veryHigh value 0.24 "by hand"
            }

            test "the cost can be charged at the state one reaches" {
                let value =
                    rewardOf (scenario1 CostAt.NextState) (levels [ 1; 2; 1; 2 ]) (levels [ 0; 0; 0; 0 ]) [ 0.9; 0.1 ]

                Expect.floatClose Accuracy.veryHigh value 0.8 "(1 - 2/10)"
            }

            test "only the excess of services that miss their objective counts, and it sums up" {
                let origin = levels [ 0; 0; 0; 0 ]
                let reward = scenario1 CostAt.CurrentState
                Expect.floatClose Accuracy.veryHigh (rewardOf reward origin origin [ 1.95; 0.0 ]) -1.0 "service 1"

                Expect.floatClose Accuracy.veryHigh (rewardOf reward origin origin [ 1.95; 0.315 ]) -1.2 "both"
            }

            test "scenario 2 rounds response time and reward to three decimals" {
                let at p c seconds =
                    rewardOf TwoNodes.reward (TwoNodes.configuration 1.0 5.0) (TwoNodes.configuration p c) [ seconds ]

                Expect.equal (at 0.0 1.0 0.1204) 0.8 "0.1204 rounds to the bound"
                Expect.equal (at 0.0 1.0 0.1206) -0.001 "0.1206 rounds above it"
                Expect.equal (at 0.0 4.0 0.1) 0.2 "1 - 4/5"
            }

            test "an objective is missed by as much as the reward counts, rounded or not" {
                let excess (reward: RewardFunction) (seconds: float) =
                    let measured =
                        ServiceMetrics(RequestRate 5.0, RequestRate 5.0, Nullable(ResponseTime seconds))

                    Expect.equal (reward.Excess(0, measured)) (reward.Excess(0, seconds)) "of a measurement"
                    reward.Excess(0, seconds)

                let exact =
                    RewardFunction(
                        TwoNodes.grid,
                        TwoNodes.array [ TwoNodes.objective ],
                        [ Seq.ofList [ 1 ] ],
                        CostAt.NextState,
                        Nullable()
                    )

                Expect.equal (excess TwoNodes.reward 0.1204) 0.0 "0.1204 s rounds to the bound"
                Expect.floatClose Accuracy.veryHigh (excess TwoNodes.reward 0.1206) 0.001 "0.121 - 0.12"
                Expect.floatClose Accuracy.veryHigh (excess exact 0.1204) 0.0004 "not rounded"
                Expect.equal (excess exact 0.12) 0.0 "the bound itself is kept"
                Expect.equal (excess exact 0.119) 0.0 "what is below it makes up for nothing"

                Expect.equal
                    (exact.Excess(0, ServiceMetrics(RequestRate 5.0, RequestRate 0.0, Nullable())))
                    0.0
                    "nothing was answered"
            }
        ]
