module OnlinePolicyAdaptation.Tests.Planning.PolicyEvaluationTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

let private uniform (p: Problem) =
    RewardProcess.ofRandomizedPolicy p.Model (RandomizedPolicy.uniform p.Model)

[<Tests>]
let tests =
    testList
        "Planning.PolicyEvaluation"
        [
            law "the exact value is the limit of repeated steps of the policy" (fun (p: Problem) ->
                for policy in p.Policies do
                    PolicyEvaluation.exact p.Model p.Discount (p.Finite policy)
                    |> Values.close "value" (SlowPlanner.value p.Process policy))

            law "the exact value is the fixed point of T_mu" (fun (p: Problem) ->
                let policy = p.Finite p.Policies[0]
                let values = PolicyEvaluation.exact p.Model p.Discount policy

                Bellman.ofPolicy p.Model p.Discount policy values
                |> Values.close "T_mu J" values)

            law "sweeps end within their error bound of the exact value" (fun (p: Problem) ->
                for sweeps in [ Sweeps.GaussSeidel; Sweeps.Jacobi ] do
                    for chain in [ uniform p; RewardProcess.ofPolicy p.Model (p.Finite p.Policies[0]) ] do
                        let result = PolicyEvaluation.bySweeps sweeps 0.01 p.Discount chain

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
        ]
