module OnlinePolicyAdaptation.Tests.Planning.Tables.LookaheadTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private decide (p: Problem) horizon state =
    Lookahead.decide p.Model p.Discount horizon p.Values ValueNone state

let private everyState (p: Problem) = [ 0 .. p.Model.StateCount - 1 ]

[<Tests>]
let tests =
    testList
        "Planning.Tables.Lookahead"
        [
            law "the value of l-step lookahead is T^l J by brute force" (fun (p: Problem) ->
                for horizon in 1..3 do
                    for s in everyState p do
                        [| (decide p horizon s).Value |]
                        |> Values.close
                            $"l = {horizon}, state {s}"
                            [| SlowPlanner.lookahead p.Process horizon p.Values s |])

            law "the decision is the first action of largest Q-factor" (fun (p: Problem) ->
                for s in everyState p do
                    let decision = decide p 2 s
                    let best = System.Array.IndexOf(decision.QFactors, Array.max decision.QFactors)
                    decision.Action |> Expect.equal "action" decision.Actions[best]
                    decision.Value |> Expect.equal "value" decision.QFactors[best])

            law "a preferred action wins ties, and only ties" (fun (p: Problem) ->
                for s in everyState p do
                    let free = decide p 1 s

                    for preferred, q in Array.zip free.Actions free.QFactors do
                        (Lookahead.decide p.Model p.Discount 1 p.Values (ValueSome preferred) s).Action
                        |> Expect.equal "action" (if q = free.Value then preferred else free.Action))

            law "the policy takes the decisions of all states" (fun (p: Problem) ->
                for horizon in 1..4 do
                    Lookahead.policy p.Model p.Discount horizon p.Values
                    |> FinitePolicy.actions p.Model
                    |> Expect.equal
                        $"l = {horizon}"
                        (everyState p |> List.map (decide p horizon >> _.Action) |> Array.ofList))

            law "a masked action is never chosen" (fun (p: Problem) ->
                for s in everyState p do
                    let admissible = p.Process.Choices[s] |> Array.map _.Action
                    let decision = decide p 2 s
                    admissible |> Expect.contains "action" decision.Action
                    decision.Actions |> Expect.equal "actions" admissible)

            law "adding a constant to every reward changes no choice" (fun (p: Problem) ->
                // a power of two and a terminal value of 0 keep the sums exact
                let p =
                    { p with
                        Values = Array.map (fun _ -> 0.0) p.Values
                    }

                for s in everyState p do
                    (decide (Relabelling.shifted 4.0 p) 1 s).Action
                    |> Expect.equal $"state {s}" (decide p 1 s).Action)

            law "relabelling the states relabels the decisions" (fun (p: Problem) ->
                let reversed = Relabelling.statesReversed p

                for s in everyState p do
                    let decision = decide p 1 s
                    let other = decide reversed 1 (p.Values.Length - 1 - s)
                    other.Action |> Expect.equal "action" decision.Action
                    other.QFactors |> Expect.equal "Q-factors" decision.QFactors)

            law "relabelling the actions relabels the decisions" (fun (p: Problem) ->
                let reversed = Relabelling.actionsReversed 9 p

                for s in everyState p do
                    let decision = decide p 2 s
                    let other = decide reversed 2 s
                    Array.rev other.QFactors |> Expect.equal "Q-factors" decision.QFactors

                    Array.rev other.Actions
                    |> Array.map (fun a -> 9 - a)
                    |> Expect.equal "actions" decision.Actions)

            testCase "a horizon below 1 is refused" (fun () ->
                let box =
                    BoxModel.create [| 2 |] [| 0.0; 1.0 |] [| ValueNone; ValueNone |]
                    |> GoldenModels.orFail

                Expect.throwsT<System.ArgumentException> "horizon" (fun () ->
                    Lookahead.decide
                        (FiniteModel.ofBox GridEdge.Clip box)
                        (GoldenModels.discount 0.9)
                        0
                        [| 0.0; 0.0 |]
                        ValueNone
                        0
                    |> ignore))
        ]
