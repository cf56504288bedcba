module OnlinePolicyAdaptation.Tests.Planning.Tables.DynamicProgrammingTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

[<Tests>]
let tests =
    testList
        "Planning.Tables.DynamicProgramming"
        [
            law
                "value, policy and modified policy iteration end within their bounds of the optimum"
                (fun (p: Problem) ->
                    let optimum = SlowPlanner.optimum p.Process

                    (DynamicProgramming.policyIteration p.Model p.Discount).Values
                    |> Values.close "policy iteration" optimum

                    for theta in [ 0.1; 1e-6; 1e-30 ] do
                        let within name (result: SweptValues) =
                            result.Values |> Values.within (result.ErrorBound + 1e-9) name optimum

                        DynamicProgramming.valueIteration
                            Sweeps.GaussSeidel
                            (SweepSettings.ofTheta theta)
                            p.Model
                            p.Discount
                        |> within "Gauss-Seidel"

                        DynamicProgramming.valueIteration
                            Sweeps.Jacobi
                            (SweepSettings.ofTheta theta)
                            p.Model
                            p.Discount
                        |> within "Jacobi"

                        for evaluations in [ 0; 1; 5 ] do
                            DynamicProgramming.modifiedPolicyIteration
                                evaluations
                                (SweepSettings.ofTheta theta)
                                p.Model
                                p.Discount
                            |> within $"modified policy iteration, {evaluations}")

            law "sweeps stop at the first change below theta" (fun (p: Problem) ->
                let changes =
                    (DynamicProgramming.valueIteration Sweeps.Jacobi (SweepSettings.ofTheta 0.1) p.Model p.Discount)
                        .Changes

                let before, last = Array.splitAt (changes.Length - 1) changes
                before |> Expect.all "before the last" (fun change -> change >= 0.1)
                last |> Expect.all "the last" (fun change -> change < 0.1))

            law "policy iteration ends with a policy that no action improves, with its value" (fun (p: Problem) ->
                let result = DynamicProgramming.policyIteration p.Model p.Discount

                PolicyEvaluation.exact p.Model p.Discount result.Policy
                |> Expect.equal "value" result.Values

                Bellman.optimality p.Model p.Discount result.Values
                |> Values.close "T J" result.Values)

            law "where policy iteration starts does not matter to the value" (fun (p: Problem) ->
                let optimum = (DynamicProgramming.policyIteration p.Model p.Discount).Values

                for policy in p.Policies do
                    (DynamicProgramming.policyIterationFrom (p.Finite policy) p.Model p.Discount).Values
                    |> Values.close "value" optimum)

            law "relabelling the states relabels the values" (fun (p: Problem) ->
                let reversed = Relabelling.statesReversed p

                (DynamicProgramming.policyIteration reversed.Model p.Discount).Values
                |> Array.rev
                |> Values.close "values" (DynamicProgramming.policyIteration p.Model p.Discount).Values)

            testCase "modified policy iteration ends where evaluation in place would cycle" (fun () ->
                // Found by random models: with one sweep in place, values go round between two policies 0.02 apart.
                let certain (action, reward, next) =
                    {
                        Action = action
                        Reward = reward
                        Successors = [| { State = next; Probability = 1.0 } |]
                    }

                let model =
                    [
                        [ 0, -4.0, 3; 1, 2.5, 1; 2, 0.0, 0 ]
                        [ 0, 2.0, 2; 1, -3.5, 2 ]
                        [ 0, -1.5, 3; 1, -4.0, 2 ]
                        [ 0, -2.0, 1; 1, -3.0, 1; 2, -3.5, 3; 3, -3.5, 0 ]
                    ]
                    |> List.map (List.map certain >> Array.ofList)
                    |> Array.ofList
                    |> FiniteModel.create
                    |> GoldenModels.orFail

                let discount = GoldenModels.discount 0.95

                (DynamicProgramming.modifiedPolicyIteration 1 (SweepSettings.ofTheta 1e-12) model discount).Values
                |> Values.close "values" (DynamicProgramming.policyIteration model discount).Values)

            testCase "a threshold that is not above 0 is refused" (fun () ->
                let model =
                    FiniteModel.create
                        [|
                            [|
                                {
                                    Action = 0
                                    Reward = 1.0
                                    Successors = [| { State = 0; Probability = 1.0 } |]
                                }
                            |]
                        |]
                    |> GoldenModels.orFail

                for theta in [ 0.0; -1.0; nan ] do
                    Expect.throwsT<System.ArgumentException> "theta" (fun () ->
                        DynamicProgramming.valueIteration
                            Sweeps.Jacobi
                            (SweepSettings.ofTheta theta)
                            model
                            (GoldenModels.discount 0.9)
                        |> ignore))
        ]
