module OnlinePolicyAdaptation.Tests.Planning.Tables.PolicyEvaluationTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private uniform (p: Problem) =
    RewardProcess.ofRandomizedPolicy p.Model (RandomizedPolicy.uniform p.Model)

/// (I - gamma P) J = r by Gaussian elimination over all columns.
let private eliminated (discount: Discount) (chain: RewardProcess) =
    let count = chain.StateCount
    let gamma = discount.Value

    let a =
        Array.init count (fun s -> Array.init count (fun t -> if s = t then 1.0 else 0.0))

    for s in 0 .. count - 1 do
        for k in chain.FirstSuccessor[s] .. chain.FirstSuccessor[s + 1] - 1 do
            let t = chain.Successors[k]
            a[s][t] <- a[s][t] - gamma * chain.Probabilities[k]

    let values = Array.copy chain.Rewards

    for pivot in 0 .. count - 1 do
        for s in pivot + 1 .. count - 1 do
            let factor = a[s][pivot] / a[pivot][pivot]
            values[s] <- values[s] - factor * values[pivot]

            for column in pivot + 1 .. count - 1 do
                a[s][column] <- a[s][column] - factor * a[pivot][column]

    for s in count - 1 .. -1 .. 0 do
        for column in s + 1 .. count - 1 do
            values[s] <- values[s] - a[s][column] * values[column]

        values[s] <- values[s] / a[s][s]

    values

[<Tests>]
let tests =
    testList
        "Planning.Tables.PolicyEvaluation"
        [
            law "the exact value is the limit of repeated steps of the policy" (fun (p: Problem) ->
                for policy in p.Policies do
                    PolicyEvaluation.exact p.Model p.Discount (p.Finite policy)
                    |> Values.close "value" (SlowPlanner.value p.Process policy))

            law "leaving out the zeros of the equations does not change their solution" (fun (p: Problem) ->
                let chain = uniform p

                if not chain.IsDeterministic then
                    PolicyEvaluation.exactOf p.Discount chain
                    |> Values.close "value" (eliminated p.Discount chain))

            test "nor does it on a grid of 108 states" {
                let levels = [| 3; 4; 9 |]
                let count = Array.fold (*) 1 levels
                let mutable sequence = RandomKey(5UL).Sequence()
                let rewards = Array.init count (fun _ -> sequence.NextDouble() - 0.5)

                match BoxModel.create levels rewards (Array.create count ValueNone), Discount.create 0.99 with
                | Ok box, Ok discount ->
                    let model = FiniteModel.ofBox GridEdge.Clip box

                    let chain = RewardProcess.ofRandomizedPolicy model (RandomizedPolicy.uniform model)

                    PolicyEvaluation.exactOf discount chain
                    |> Values.close "value" (eliminated discount chain)
                | _ -> failtest "a box"
            }

            law "the exact value is the fixed point of T_mu" (fun (p: Problem) ->
                let policy = p.Finite p.Policies[0]
                let values = PolicyEvaluation.exact p.Model p.Discount policy

                Bellman.ofPolicy p.Model p.Discount policy values
                |> Values.close "T_mu J" values)

            law "sweeps end within their error bound of the exact value" (fun (p: Problem) ->
                for sweeps in [ Sweeps.GaussSeidel; Sweeps.Jacobi ] do
                    for chain in [ uniform p; RewardProcess.ofPolicy p.Model (p.Finite p.Policies[0]) ] do
                        let result =
                            PolicyEvaluation.bySweeps sweeps (SweepSettings.ofTheta 0.01) p.Discount chain

                        result.Values
                        |> Values.within
                            (result.ErrorBound + 1e-9)
                            $"{sweeps}"
                            (PolicyEvaluation.exactOf p.Discount chain))

            law "the uniformly random policy averages the Q-factors" (fun (p: Problem) ->
                let values = PolicyEvaluation.exactOf p.Discount (uniform p)

                Array.init p.Model.StateCount (Bellman.qFactors p.Model p.Discount values >> Array.average)
                |> Values.close "average" values)

            law "a randomized policy without chance is the deterministic one" (fun (p: Problem) ->
                let policy = p.Finite p.Policies[0]

                RewardProcess.ofRandomizedPolicy p.Model (RandomizedPolicy.ofPolicy p.Model policy)
                |> PolicyEvaluation.exactOf p.Discount
                |> Values.close "value" (PolicyEvaluation.exact p.Model p.Discount policy))

            law "adding a constant to every reward adds constant/(1 - gamma) to every value" (fun (p: Problem) ->
                let chain (p: Problem) =
                    RewardProcess.ofPolicy p.Model (p.Finite p.Policies[0])

                let shifted = Relabelling.shifted 3.0 p

                PolicyEvaluation.exactOf p.Discount (chain shifted)
                |> Values.close
                    "shifted"
                    (PolicyEvaluation.exactOf p.Discount (chain p)
                     |> Array.map (fun v -> v + 3.0 / (1.0 - p.Process.Gamma))))

            law "without the memory for a matrix, sweeps come to the same values" (fun (p: Problem) ->
                let chain =
                    RewardProcess.ofRandomizedPolicy p.Model (RandomizedPolicy.uniform p.Model)

                PolicyEvaluation.exactWithin 0L p.Discount chain
                |> Values.close "values" (PolicyEvaluation.exactOf p.Discount chain))
            test "the error bound is the error itself where every step stays where it is" {
                for gamma in [ 0.5; 0.8; 0.95 ] do
                    let stay: Problem =
                        {
                            Process =
                                {
                                    Choices =
                                        [|
                                            [|
                                                {
                                                    Action = 0
                                                    Reward = 1.0
                                                    Successors = [| { State = 0; Probability = 1.0 } |]
                                                }
                                            |]
                                        |]
                                    Gamma = gamma
                                }
                            Values = [| 0.0 |]
                            Policies = [ [| 0 |] ]
                        }

                    let chain = RewardProcess.ofPolicy stay.Model (stay.Finite stay.Policies[0])

                    let result =
                        PolicyEvaluation.bySweeps Sweeps.Jacobi (SweepSettings.ofTheta 0.01) stay.Discount chain

                    let error = 1.0 / (1.0 - gamma) - result.Values[0]
                    (abs (result.ErrorBound - error), 1e-9) |> Expect.isLessThan $"gamma = {gamma}"
                    (Array.last result.Changes, 0.01) |> Expect.isLessThan "ends below theta"

                    for change in result.Changes |> Array.take (result.Changes.Length - 1) do
                        (change, 0.01) |> Expect.isGreaterThanOrEqual "and not later"
            }
        ]
