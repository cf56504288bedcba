module OnlinePolicyAdaptation.Tests.Planning.Tables.MultiagentRolloutTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private components (c: ComposedProblem) =
    ActionComponents.create c.Parts |> GoldenModels.orFail

/// The components in their order, and backwards.
let private orders c =
    let order = ActionComponents.naturalOrder (components c)
    [ order; Array.rev order ]

let private value (p: Problem) policy =
    PolicyEvaluation.exact p.Model p.Discount policy

[<Tests>]
let tests =
    testList
        "Planning.Tables.MultiagentRollout"
        [
            law
                "multiagent rollout is nowhere worse than its base policy, whatever horizon and order"
                (fun (c: ComposedProblem) ->
                    let p = c.Problem
                    let basePolicy = p.Finite p.Policies[0]
                    let baseValues = value p basePolicy

                    for order in orders c do
                        for horizon in 1..4 do
                            MultiagentRollout.policy
                                p.Model
                                p.Discount
                                (components c)
                                order
                                horizon
                                basePolicy
                                baseValues
                            |> value p
                            |> Values.nowhereWorse $"l = {horizon}" baseValues)

            law "the decision is that of the policy" (fun (c: ComposedProblem) ->
                let p = c.Problem
                let basePolicy = p.Finite p.Policies[0]
                let baseValues = value p basePolicy

                for order in orders c do
                    for horizon in 1..4 do
                        let policy =
                            MultiagentRollout.policy
                                p.Model
                                p.Discount
                                (components c)
                                order
                                horizon
                                basePolicy
                                baseValues

                        Array.init p.Model.StateCount (fun s ->
                            (MultiagentRollout.decide
                                p.Model
                                p.Discount
                                (components c)
                                order
                                horizon
                                basePolicy
                                baseValues
                                s)
                                .Action)
                        |> Expect.equal $"l = {horizon}" (FinitePolicy.actions p.Model policy))

            law "its Q-factor lies between the base action's and the joint maximum" (fun (c: ComposedProblem) ->
                let p = c.Problem
                let basePolicy = p.Finite p.Policies[0]
                let baseValues = value p basePolicy

                for s in 0 .. p.Model.StateCount - 1 do
                    let decision =
                        MultiagentRollout.decide
                            p.Model
                            p.Discount
                            (components c)
                            (orders c).Head
                            1
                            basePolicy
                            baseValues
                            s

                    let joint = Lookahead.decide p.Model p.Discount 1 baseValues ValueNone s
                    decision.BaseAction |> Expect.equal "base action" p.Model.Actions[basePolicy[s]]

                    (decision.Value, decision.BaseValue)
                    |> Expect.isGreaterThanOrEqual "the base action's"

                    (decision.Value, joint.Value) |> Expect.isLessThanOrEqual "the joint maximum")

            law "with one component it is joint rollout" (fun (p: Problem) ->
                let components = ActionComponents.create [| 4 |] |> GoldenModels.orFail
                let basePolicy = p.Finite p.Policies[0]
                let baseValues = value p basePolicy

                for s in 0 .. p.Model.StateCount - 1 do
                    let joint = Lookahead.decide p.Model p.Discount 1 baseValues ValueNone s

                    let decision =
                        MultiagentRollout.decide p.Model p.Discount components [| 0 |] 1 basePolicy baseValues s

                    decision.Action |> Expect.equal "action" joint.Action
                    decision.Value |> Expect.equal "value" joint.Value)

            law "a masked action is never chosen" (fun (c: ComposedProblem) ->
                let p = c.Problem
                let basePolicy = p.Finite p.Policies[0]

                for s in 0 .. p.Model.StateCount - 1 do
                    let decision =
                        MultiagentRollout.decide
                            p.Model
                            p.Discount
                            (components c)
                            (orders c).Head
                            2
                            basePolicy
                            p.Values
                            s

                    p.Process.Choices[s]
                    |> Array.map _.Action
                    |> Expect.contains "action" decision.Action)
        ]
