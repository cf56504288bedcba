module OnlinePolicyAdaptation.Tests.Planning.Tables.FiniteModelTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private certain state =
    [| { State = state; Probability = 1.0 } |]

let private choice action reward successors =
    {
        Action = action
        Reward = reward
        Successors = successors
    }

let private refuses name (choices: Choice[][]) (message: string) =
    testCase name (fun () ->
        match FiniteModel.create choices with
        | Ok _ -> failtest "was accepted"
        | Error fault -> fault |> Expect.stringContains "message" message)

[<Tests>]
let tests =
    testList
        "Planning.Tables.FiniteModel"
        [
            refuses "a model without states is refused" [||] "at least one state"
            refuses "a state without actions is refused" [| [||] |] "state 0 has no admissible action"
            refuses
                "actions out of order are refused"
                [| [| choice 1 0.0 (certain 0); choice 0 0.0 (certain 0) |] |]
                "ascending order"
            refuses "a reward that is no number is refused" [| [| choice 3 nan (certain 0) |] |] "state 0, action 3"
            refuses "a successor that is no state is refused" [| [| choice 0 0.0 (certain 1) |] |] "not a state"
            refuses
                "probabilities that do not sum to 1 are refused"
                [| [| choice 0 0.0 [| { State = 0; Probability = 0.5 } |] |] |]
                "sum to 0.5"

            law "a choice is found by its action" (fun (p: Problem) ->
                for s in 0 .. p.Model.StateCount - 1 do
                    for action in -1 .. 10 do
                        let expected =
                            p.Process.Choices[s]
                            |> Array.tryFindIndex (fun c -> c.Action = action)
                            |> Option.map (fun position -> p.Model.FirstChoice[s] + position)

                        FiniteModel.tryChoice p.Model s action
                        |> ValueOption.toOption
                        |> Expect.equal $"state {s}, action {action}" expected)

            law "a deterministic model comes back from its samples" (fun (p: Problem) ->
                if p.Model.IsDeterministic then
                    FiniteModel.tabulate (FiniteModel.sampled p.Model) [| 0 .. p.Model.StateCount - 1 |] id id
                    |> GoldenModels.orFail
                    |> Expect.equal "model" p.Model)

            law "samples have the shares of the probabilities" (fun (p: Problem) ->
                let estimated =
                    FiniteModel.tabulateBySampling
                        2000
                        (RandomKey 1UL)
                        (FiniteModel.sampled p.Model)
                        [| 0 .. p.Model.StateCount - 1 |]
                        id
                        id
                    |> GoldenModels.orFail

                // Shares of 2,000 samples: a standard deviation of at most 0.0112; the Q-factors average values below 4.
                let q (model: FiniteModel) =
                    Array.init model.StateCount (Bellman.qFactors model p.Discount p.Values)
                    |> Array.concat

                q estimated |> Values.within (4.5 * 0.0112 * 8.0) "Q-factors" (q p.Model))
        ]
