module OnlinePolicyAdaptation.Tests.Planning.Tables.NewtonStepTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private step (p: Problem) state =
    let optimum = DynamicProgramming.policyIteration p.Model p.Discount
    NewtonStep.at p.Model p.Discount optimum.Values 7 (p.Finite p.Policies[0]) state

let private everyState (p: Problem) = [ 0 .. p.Model.StateCount - 1 ]

let private same message (expected: float) (actual: float) =
    [| actual |] |> Values.within 1e-6 message [| expected |]

[<Tests>]
let tests =
    testList
        "Planning.Tables.NewtonStep"
        [
            law "base, one backup, rollout and optimum never fall" (fun (p: Problem) ->
                for s in everyState p do
                    let n = step p s

                    [| n.BackedUp; n.Rollout; n.Optimal |]
                    |> Values.nowhereWorse "order" [| n.Base; n.BackedUp; n.Rollout |])

            law "the rollout operator touches T at J_mu and meets the diagonal at J_pi" (fun (p: Problem) ->
                for s in everyState p do
                    let n = step p s
                    n.RolloutOperator.At n.Base |> same "at J_mu" n.BackedUp

                    if n.Rollout - n.Base > 1e-6 then
                        n.RolloutOperator.At n.Rollout |> same "at J_pi" n.Rollout)

            law "the base operator meets the diagonal at J_mu" (fun (p: Problem) ->
                for s in everyState p do
                    let n = step p s
                    n.BaseOperator.At n.Base |> same "at J_mu" n.Base)

            // Found by the law above: the values of base and rollout policy are 7.5 in state 0, but for rounding.
            test "values that differ by rounding alone make no steep line" {
                let move action reward state =
                    {
                        Action = action
                        Reward = reward
                        Successors = [| { State = state; Probability = 1.0 } |]
                    }

                let p =
                    {
                        Process =
                            {
                                Choices = [| [| move 0 1.5 0; move 1 3.5 1 |]; [| move 0 4.0 0; move 1 -1.0 0 |] |]
                                Gamma = 0.8
                            }
                        Values = [| 0.0; 0.0 |]
                        Policies = [ [| 1; 1 |] ]
                    }

                let n = step p 0
                n.BaseOperator.At n.Base |> same "at J_mu" n.Base
                n.RolloutOperator.At n.Base |> same "at J_mu" n.BackedUp
            }

            law "T lies nowhere below its linearisation" (fun (p: Problem) ->
                for s in everyState p do
                    let n = step p s

                    if n.Rollout - n.Base > 1e-6 then
                        for struct (x, y) in n.Operator do
                            [| y |] |> Values.nowhereWorse $"at {x}" [| n.RolloutOperator.At x - 1e-6 |])
        ]
