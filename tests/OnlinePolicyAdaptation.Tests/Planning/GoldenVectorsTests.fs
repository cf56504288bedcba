module OnlinePolicyAdaptation.Tests.Planning.GoldenVectors

open System.IO
open System.Text.Json
open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests
open OnlinePolicyAdaptation.Tests.Fixtures.GoldenModels

let private tolerance = 1e-9

/// Every number within the tolerance of the expected one.
let private agree message (expected: float[]) (actual: float[]) =
    actual.Length |> Expect.equal $"{message}: how many" expected.Length

    let worst = Array.map2 (fun e a -> abs (e - a)) expected actual |> Array.max
    (worst, tolerance) |> Expect.isLessThanOrEqual $"{message}: largest difference"

let private beside (path: string) (name: string) =
    Path.Combine(Path.GetDirectoryName path |> string, name)

let private greedy mesh model =
    NetworkModel.greedy mesh.Dynamics.Grid GreedyPolicy.DefaultMoveCharge model

let private ofActions model actions =
    FinitePolicy.ofActions model actions |> orFail

let private swept theta discount chain =
    PolicyEvaluation.bySweeps Sweeps.GaussSeidel (SweepSettings.ofTheta theta) discount chain

/// Transitions and rewards of every choice, in the order of states and actions.
let private sameModel (model: FiniteModel) (next: int[][]) (rewards: float[][]) =
    model.Actions
    |> Expect.equal "actions" (Array.concat (Array.init next.Length (fun _ -> [| 0 .. next[0].Length - 1 |])))

    model.Successors |> Expect.equal "transitions" (Array.concat next)
    model.Rewards |> agree "rewards" (Array.concat rewards)

/// The decision record of one state: its value, and an action as good as the best.
let private sameDecision (decide: int -> LookaheadDecision) (expected: JsonElement) =
    let decision = decide (expected.GetProperty("state").GetInt32())
    let acceptable = ints (expected.GetProperty "acceptable")
    acceptable |> Expect.contains $"state {decision.State}" decision.Action

    [| decision.Value |]
    |> agree $"state {decision.State}" [| expected.GetProperty("value").GetDouble() |]

let private small name body =
    GoldenFile.test name "dp_setting.json" (fun path ->
        let mesh = small (beside path "dp_delay_table.csv")
        body mesh (tabulate mesh) (Golden path))

let private gamma = discount 0.9
let private theta = 0.05

let private smallSetting =
    testList
        "36 states"
        [
            small "transitions and rewards" (fun _ model golden ->
                sameModel
                    model
                    (golden.At "next_index" |> items |> Array.map ints)
                    (golden.At "reward" |> items |> Array.map floats))

            small "value iteration" (fun _ model golden ->
                let result =
                    DynamicProgramming.valueIteration Sweeps.GaussSeidel (SweepSettings.ofTheta theta) model gamma

                result.Values |> agree "values" (floats (golden.At("vi", "V")))
                result.Changes |> agree "changes" (floats (golden.At("vi", "deltas")))

                result.Changes.Length
                |> Expect.equal "sweeps" (golden.At("vi", "sweeps").GetInt32()))

            small "the optimum, by every method" (fun _ model golden ->
                let optimum = floats (golden.At "V_star_converged")

                (DynamicProgramming.policyIteration model gamma).Values
                |> agree "policy iteration" optimum

                for sweeps in [ Sweeps.GaussSeidel; Sweeps.Jacobi ] do
                    (DynamicProgramming.valueIteration sweeps (SweepSettings.ofTheta 1e-11) model gamma).Values
                    |> agree "value iteration" optimum

                (DynamicProgramming.modifiedPolicyIteration 5 (SweepSettings.ofTheta 1e-11) model gamma).Values
                |> agree "modified policy iteration" optimum)

            small "policy iteration" (fun _ model golden ->
                let policy = ofActions model (ints (golden.At("pi", "actions")))

                (RewardProcess.ofPolicy model policy |> swept theta gamma).Values
                |> agree "values by sweeps" (floats (golden.At("pi", "V")))

                PolicyEvaluation.exact model gamma policy
                |> agree "exact values" (DynamicProgramming.policyIteration model gamma).Values)

            small "the policy with the best immediate reward" (fun _ model golden ->
                Bellman.greedy model gamma (Array.zeroCreate model.StateCount)
                |> FinitePolicy.actions model
                |> Expect.equal "actions" (ints (golden.At "reward_greedy_policy_actions")))

            small "the greedy base policy, as a table and as a policy" (fun mesh model golden ->
                let expected = ints (golden.At "greedy_base_actions")

                greedy mesh model |> FinitePolicy.actions model |> Expect.equal "table" expected

                let policy = GreedyPolicy(mesh.Dynamics, mesh.Dynamics.Grid)

                NetworkModel.policy mesh.Dynamics mesh.Loads policy (RandomKey 1UL) model
                |> orFail
                |> FinitePolicy.actions model
                |> Expect.equal "policy" expected)

            small "the value of the greedy base policy" (fun mesh model golden ->
                let chain = RewardProcess.ofPolicy model (greedy mesh model)
                let result = swept theta gamma chain
                result.Values |> agree "by sweeps" (floats (golden.At("V_greedy", "V")))

                result.Changes.Length
                |> Expect.equal "sweeps" (golden.At("V_greedy", "sweeps").GetInt32())

                PolicyEvaluation.exactOf gamma chain
                |> agree "exact" (floats (golden.At("V_greedy", "V_linear_solve"))))

            small "the value of the random policy" (fun _ model golden ->
                let chain = RewardProcess.ofRandomizedPolicy model (RandomizedPolicy.uniform model)
                let result = swept theta gamma chain
                result.Values |> agree "by sweeps" (floats (golden.At("V_random", "V")))

                result.Changes.Length
                |> Expect.equal "sweeps" (golden.At("V_random", "sweeps").GetInt32())

                PolicyEvaluation.exactOf gamma chain
                |> agree "exact" (floats (golden.At("V_random", "V_linear_solve"))))

            small "undiscounted rewards of the greedy base policy" (fun mesh model golden ->
                let policy = greedy mesh model
                let horizon = golden.At("V_greedy_monte_carlo_undiscounted", "horizon").GetInt32()

                Array.init model.StateCount (PolicyEvaluation.path model policy horizon >> snd >> Array.sum)
                |> agree "totals" (floats (golden.At("V_greedy_monte_carlo_undiscounted", "V"))))

            for name in [ "random"; "greedy" ] do
                small $"one-step rollout of the {name} policy" (fun mesh model golden ->
                    let basePolicy =
                        if name = "random" then
                            RandomizedPolicy.uniform model
                        else
                            RandomizedPolicy.ofPolicy model (greedy mesh model)

                    let baseValues =
                        (RewardProcess.ofRandomizedPolicy model basePolicy |> swept theta gamma).Values

                    for record in items (golden.At("exact_one_step_rollout", name)) do
                        let state = record.GetProperty("state").GetInt32()
                        let decision = Lookahead.decide model gamma 1 baseValues ValueNone state

                        decision.Action
                        |> Expect.equal $"state {state}" (record.GetProperty("action").GetInt32())

                        // The reference takes the rollout action in this state, the base policy's in the others.
                        let first = model.FirstChoice[state]

                        let changed =
                            basePolicy
                            |> Array.mapi (fun choice probability ->
                                if choice < first || choice >= model.FirstChoice[state + 1] then
                                    probability
                                elif model.Actions[choice] = decision.Action then
                                    1.0
                                else
                                    0.0)

                        (RewardProcess.ofRandomizedPolicy model changed |> swept theta gamma).Values
                        |> agree $"state {state}" (floats (record.GetProperty "V_rollout")))

            for horizon in 1..3 do
                small $"lookahead, l = {horizon}" (fun _ model golden ->
                    let terminal = floats (golden.At("V_greedy", "V"))

                    golden.At("lookahead_Vbase_is_V_greedy_V", string horizon)
                    |> items
                    |> Array.iter (sameDecision (Lookahead.decide model gamma horizon terminal ValueNone)))

            small "multiagent rollout, l = 1" (fun mesh model golden ->
                let components = ActionComponents.ofGrid mesh.Dynamics.Grid
                let order = ActionComponents.naturalOrder components
                let terminal = floats (golden.At("V_greedy", "V"))

                for record in items (golden.At("multiagent_base_greedy_Vbase_V_greedy_V", "1")) do
                    let state = record.GetProperty("state").GetInt32()

                    let decision =
                        MultiagentRollout.decide model gamma components order 1 (greedy mesh model) terminal state

                    decision.Action
                    |> Expect.equal $"state {state}" (record.GetProperty("action").GetInt32())

                    [| decision.Value |]
                    |> agree $"state {state}" [| record.GetProperty("value").GetDouble() |])
        ]

let private scenario1Setting =
    testList
        "900 states"
        [
            GoldenFile.test "value iteration" "mc_vi_values.json" (fun path ->
                let golden = Golden path
                let model = tabulate (scenario1 (beside path "scenario1_delay_table.csv"))

                let result =
                    DynamicProgramming.valueIteration
                        Sweeps.GaussSeidel
                        (SweepSettings.ofTheta 0.01)
                        model
                        (discount 0.99)

                result.Values |> agree "values" (floats (golden.At "V"))
                result.Changes |> agree "changes" (floats (golden.At "deltas"))
                result.Changes.Length |> Expect.equal "sweeps" (golden.At("sweeps").GetInt32()))

            GoldenFile.test "one-step decisions on the even states" "mc_l1_even_states.json" (fun path ->
                let golden = Golden path
                let mesh = scenario1 (beside path "scenario1_delay_table.csv")
                let model = tabulate mesh
                let gamma = discount 0.99

                let baseValues =
                    (RewardProcess.ofPolicy model (greedy mesh model) |> swept 0.01 gamma).Values

                baseValues |> agree "base values" (floats (golden.At "V_base"))

                golden.At "decisions"
                |> items
                |> Array.iter (sameDecision (Lookahead.decide model gamma 1 baseValues ValueNone)))

            GoldenFile.test
                "multiagent rollout of the greedy policy is nowhere worse than it, l = 1..4"
                "scenario1_delay_table.csv"
                (fun path ->
                    let mesh = scenario1 path
                    let model = tabulate mesh
                    let gamma = discount 0.99
                    let basePolicy = greedy mesh model
                    let baseValues = PolicyEvaluation.exact model gamma basePolicy
                    let components = ActionComponents.ofGrid mesh.Dynamics.Grid
                    let order = ActionComponents.naturalOrder components

                    for horizon in 1..4 do
                        let improved =
                            MultiagentRollout.policy model gamma components order horizon basePolicy baseValues

                        PolicyEvaluation.exact model gamma improved
                        |> Array.map2 (fun b v -> v - b) baseValues
                        |> Array.min
                        |> fun gain ->
                            (gain, -tolerance)
                            |> Expect.isGreaterThanOrEqual $"l = {horizon}: smallest gain")
        ]

let private scenario2 name body =
    GoldenFile.test name "scenario2_dp.json" (fun path ->
        let model column =
            scenario2 column (beside path "scenario2_delay_grid.csv") |> tabulate

        body (model "d_system_model") (model "d_new_system_model") (Golden path))

let private scenario2Setting =
    let gamma = discount 0.99
    let start = 29

    /// The reference's digits are keep, down, up.
    let renumbered action =
        let digit d = [| 1; 0; 2 |][d]
        3 * digit (action / 3) + digit (action % 3)

    /// The best action that comes first in the reference's order.
    let firstOfReference (decision: LookaheadDecision) =
        Seq.init 9 renumbered
        |> Seq.find (fun action -> decision.QFactors[action] = decision.Value)

    let actions (golden: Golden) (name: string) =
        golden.At name |> ints |> Array.map renumbered

    /// Total of eight undiscounted steps from the start state, and the states passed.
    let totals (golden: Golden) model name policy =
        let states, rewards = PolicyEvaluation.path model policy 8 start
        states |> Expect.equal name (ints (golden.At("totals8", name, "states")))
        rewards |> agree name (floats (golden.At("totals8", name, "rewards")))

        [| Array.sum rewards |]
        |> agree name [| golden.At("totals8", name, "total").GetDouble() |]

        let values = PolicyEvaluation.exact model gamma policy
        [| values[start] |] |> agree name [| golden.At("V_at_s0", name).GetDouble() |]

        [| Array.average values |]
        |> agree name [| golden.At("mean_V", name).GetDouble() |]

    testList
        "the system changes"
        [
            scenario2 "transitions" (fun _ model golden ->
                let expected = golden.At "next_index" |> items |> Array.map ints

                let actual =
                    Array.init model.StateCount (fun state ->
                        Array.init 9 (fun action -> model.Successors[9 * state + renumbered action]))

                actual |> Expect.equal "transitions" expected)

            scenario2 "the optimum before and after the change" (fun before after golden ->
                (DynamicProgramming.policyIteration before gamma).Values
                |> agree "before" (floats (golden.At "V_opt_old"))

                (DynamicProgramming.policyIteration after gamma).Values
                |> agree "after" (floats (golden.At "V_opt_new")))

            scenario2 "the old policy on the new system, and its rollout" (fun _ after golden ->
                let policy = ofActions after (actions golden "pi_opt_old")
                let values = PolicyEvaluation.exact after gamma policy
                values |> agree "old policy" (floats (golden.At "V_oldpolicy_on_new"))

                for horizon in 1..3 do
                    let decisions =
                        Array.init after.StateCount (Rollout.decide after gamma horizon policy ValueNone)

                    decisions
                    |> Array.map _.Value
                    |> agree $"l = {horizon}" (floats (golden.At $"rollout_l{horizon}_values"))

                    (decisions, actions golden $"rollout_l{horizon}_actions")
                    ||> Array.map2 (fun decision action -> decision.QFactors[action])
                    |> agree $"l = {horizon}, reference actions" (decisions |> Array.map _.Value))

            scenario2 "eight steps from (p=1, c=5)" (fun before after golden ->
                let old = ofActions before (actions golden "pi_opt_old")
                totals golden before "old optimal on OLD model" old
                totals golden after "old optimal on NEW model (no adaptation)" old

                for horizon in 1..3 do
                    [| 0 .. after.StateCount - 1 |]
                    |> Array.map (Rollout.decide after gamma horizon old ValueNone >> firstOfReference)
                    |> ofActions after
                    |> totals golden after $"rollout l={horizon} on NEW (V_base = old policy on new)"

                ofActions after (actions golden "pi_opt_new")
                |> totals golden after "optimal on NEW (full retraining)")
        ]

[<Tests>]
let tests =
    testList "Planning.GoldenVectors" [ smallSetting; scenario1Setting; scenario2Setting ]
