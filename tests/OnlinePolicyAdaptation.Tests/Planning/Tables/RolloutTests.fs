module OnlinePolicyAdaptation.Tests.Planning.Tables.RolloutTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private value (p: Problem) policy =
    PolicyEvaluation.exact p.Model p.Discount policy

[<Tests>]
let tests =
    testList
        "Planning.Tables.Rollout"
        [
            law "a rollout policy is nowhere worse than its base policy" (fun (p: Problem) ->
                let basePolicy = p.Finite p.Policies[0]

                for horizon in 1..3 do
                    Rollout.policy p.Model p.Discount horizon basePolicy
                    |> value p
                    |> Values.nowhereWorse $"l = {horizon}" (value p basePolicy))

            law "l + 1 is nowhere worse than l in T^l J" (fun (p: Problem) ->
                let baseValues = value p (p.Finite p.Policies[0])

                for horizon in 1..3 do
                    Bellman.iterated p.Model p.Discount (horizon + 1) baseValues
                    |> Values.nowhereWorse $"l = {horizon}" (Bellman.iterated p.Model p.Discount horizon baseValues))

            law "the decision of rollout is that of its policy" (fun (p: Problem) ->
                let basePolicy = p.Finite p.Policies[0]

                Array.init p.Model.StateCount (fun s ->
                    (Rollout.decide p.Model p.Discount 2 basePolicy ValueNone s).Action)
                |> Expect.equal
                    "actions"
                    (Rollout.policy p.Model p.Discount 2 basePolicy |> FinitePolicy.actions p.Model))

            law "parallel rollout is nowhere worse than any of its base policies" (fun (p: Problem) ->
                let policies = p.Policies |> List.map p.Finite

                for horizon in 1..3 do
                    let improved =
                        policies
                        |> List.map (PolicyEvaluation.exact p.Model p.Discount)
                        |> Rollout.bestOf
                        |> Lookahead.policy p.Model p.Discount horizon
                        |> value p

                    for basePolicy in policies do
                        improved |> Values.nowhereWorse $"l = {horizon}" (value p basePolicy))

            law "rollout of an optimal policy is optimal" (fun (p: Problem) ->
                let optimum = DynamicProgramming.policyIteration p.Model p.Discount

                Rollout.policy p.Model p.Discount 1 optimum.Policy
                |> value p
                |> Values.close "value" optimum.Values)
        ]
