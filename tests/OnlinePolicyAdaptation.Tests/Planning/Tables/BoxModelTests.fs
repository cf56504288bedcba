module OnlinePolicyAdaptation.Tests.Planning.Tables.BoxModelTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

/// The same model with its choices listed one by one.
let private listed (box: Box) =
    let levels = box.Levels
    let controls = levels.Length

    let digits radices number =
        (radices, (number, []))
        ||> Array.foldBack (fun radix (rest, digits) -> rest / radix, rest % radix :: digits)
        |> snd

    let number radices digits =
        (0, Array.toList radices, digits)
        |||> List.fold2 (fun n radix digit -> n * radix + digit)

    let choice state action =
        let moved =
            List.map2
                (fun level digit -> level + digit - 1)
                (digits levels state)
                (digits (Array.create controls 3) action)

        let clipped =
            List.map2 (fun level count -> max 0 (min (count - 1) level)) moved (List.ofArray levels)

        let next = number levels clipped

        if box.Edge = GridEdge.Mask && clipped <> moved then
            None
        else
            Some
                {
                    Action = action
                    Reward = box.Arrival[next] |> ValueOption.defaultValue box.Departure[state]
                    Successors = [| { State = next; Probability = 1.0 } |]
                }

    Array.init box.Departure.Length (fun state -> Array.init (pown 3 controls) (choice state) |> Array.choose id)
    |> FiniteModel.create
    |> GoldenModels.orFail

let private boxed (box: Box) = FiniteModel.ofBox box.Edge box.Model

/// Something computed on the box and on the list of its choices, which has to be the same, bit for bit.
let private same name (compute: FiniteModel -> Discount -> Box -> 'result) =
    law name (fun (box: Box) ->
        let discount = GoldenModels.discount box.BoxGamma

        compute (boxed box) discount box
        |> Expect.equal "box" (compute (listed box) discount box))

[<Tests>]
let tests =
    testList
        "Planning.Tables.BoxModel"
        [
            same "a box has the choices of its list" (fun model _ _ ->
                model.FirstChoice,
                model.Actions,
                model.Rewards,
                model.FirstSuccessor,
                model.Successors,
                model.Probabilities)
            same "a sweep over a box gives the values of its list" (fun model discount box ->
                Bellman.optimality model discount box.BoxValues)
            same "repeated sweeps too" (fun model discount box -> Bellman.iterated model discount 3 box.BoxValues)
            same "the greedy policy of a box is that of its list" (fun model discount box ->
                Bellman.greedy model discount box.BoxValues)
            same "value iteration on a box is that on its list" (fun model discount _ ->
                DynamicProgramming.valueIteration Sweeps.Jacobi (SweepSettings.ofTheta 1e-6) model discount)
            same "policy iteration on a box is that on its list" (fun model discount _ ->
                DynamicProgramming.policyIteration model discount)
            same "modified policy iteration on a box is that on its list" (fun model discount _ ->
                DynamicProgramming.modifiedPolicyIteration 3 (SweepSettings.ofTheta 1e-6) model discount)
            same "lookahead on a box decides as on its list" (fun model discount box ->
                [
                    for horizon in 1..5 do
                        for state in 0 .. model.StateCount - 1 ->
                            Lookahead.decide model discount horizon box.BoxValues ValueNone state
                ])
        ]
