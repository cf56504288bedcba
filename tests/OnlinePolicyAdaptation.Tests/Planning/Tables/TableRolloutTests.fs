module OnlinePolicyAdaptation.Tests.Planning.Tables.TableRolloutTests

open System.Threading
open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.GoldenModels

let private gamma = discount 0.9
let private key = RandomKey 3UL
let private never = CancellationToken.None

let private lookahead scheme horizon =
    {
        Scheme = scheme
        Horizon = horizon
        Leaves = LeafValues.Base
    }

let private createWith (mesh: SmallMesh.Mesh) basePolicy settings =
    TableRollout.create mesh.Dynamics mesh.Loads gamma basePolicy settings key never

let private create mesh basePolicy scheme horizon =
    createWith mesh basePolicy (lookahead scheme horizon)

/// One action in each state: a draw of the random policy, the same one in rollout and here.
let private drawn = RolloutBase.Actions(RandomPolicy())

let private modelOf (mesh: SmallMesh.Mesh) =
    NetworkModel.tabulate mesh.Dynamics mesh.Loads |> orFail

let private tableOf (mesh: SmallMesh.Mesh) model =
    NetworkModel.policy mesh.Dynamics mesh.Loads (RandomPolicy()) key model
    |> orFail

let private decide (mesh: SmallMesh.Mesh) (rollout: IRollout) (state: SystemState) baseAction =
    rollout.Decide(state, mesh.Grid.Mask state.Configuration, baseAction, never)

let private alternatives (mesh: SmallMesh.Mesh) (rollout: IRollout) (state: SystemState) =
    rollout.Alternatives(state, mesh.Grid.Mask state.Configuration, never)

let private schemes = [ RolloutScheme.Joint; RolloutScheme.Multiagent ]

let private law name (body: SmallMesh.Mesh -> unit) =
    testProperty name (fun (seed: uint64) -> body (SmallMesh.ofSeed seed))

/// Response times that call a function with the number of configurations asked for so far.
let private watched (asked: int -> unit) =
    let mutable count = 0

    { new IResponseTimeModel with
        member _.Predict(_, _, seconds) =
            count <- count + 1
            asked count
            seconds[0] <- 0.1
    }

/// Four controls of ten levels: 10,000 states and 614,656 pairs of state and action.
let private large responseTimes =
    let controls =
        [
            for i in 0..3 ->
                Control($"c{i}", ControlTarget.CpuCores(EquatableArray.ToEquatableArray [ i ]), 1.0, 10.0, 10)
        ]

    let grid = ControlGrid(EquatableArray.ToEquatableArray controls)

    let objectives =
        EquatableArray.ToEquatableArray [ ServiceLevelObjective(ResponseTime 0.12) ]

    let reward =
        RewardFunction(grid, objectives, [ Seq.ofList [ 0..3 ] ], CostAt.NextState, System.Nullable())

    NetworkDynamics(grid, reward, responseTimes)

[<Tests>]
let tests =
    testList
        "Planning.Tables.TableRollout"
        [
            law
                "joint, it decides as lookahead with the base policy's exact value, keeping where that is as good"
                (fun mesh ->
                    let model = modelOf mesh
                    let values = PolicyEvaluation.exact model gamma (tableOf mesh model)
                    let keep = mesh.Grid.IndexOf(ControlAction.Keep mesh.Grid.Controls.Count)

                    for horizon in 1..3 do
                        let rollout = create mesh drawn RolloutScheme.Joint horizon |> orFail

                        for index, state in List.indexed mesh.States do
                            let expected = Lookahead.decide model gamma horizon values (ValueSome keep) index

                            let found = decide mesh rollout state (mesh.Grid.ActionAt expected.Actions[0])

                            (mesh.Grid.IndexOf found.Action, found.QFactor, found.BaseQFactor)
                            |> Expect.equal
                                $"state {index}, l = {horizon}"
                                (expected.Action, expected.Value, ValueSome expected.QFactors[0]))

            law
                "with better-of leaves it is nowhere worse than its base policy, holding still and going to any best state"
                (fun mesh ->
                    let model = modelOf mesh
                    let keep = mesh.Grid.IndexOf(ControlAction.Keep mesh.Grid.Controls.Count)

                    let holding =
                        Array.init model.StateCount (fun state ->
                            (FiniteModel.tryChoice model state keep |> ValueOption.defaultValue -1))

                    let stays = holding |> Array.map (fun choice -> model.Rewards[choice])

                    /// One step after another towards the first of the best states.
                    let target =
                        mesh.States[Array.findIndex (fun stay -> stay = Array.max stays) stays].Configuration

                    let going =
                        [|
                            for index, state in List.indexed mesh.States ->
                                let moves =
                                    [
                                        for i in 0 .. mesh.Grid.Controls.Count - 1 ->
                                            compare target.Levels[i] state.Configuration.Levels[i]
                                    ]

                                let action = ControlAction(EquatableArray.ToEquatableArray moves)

                                FiniteModel.tryChoice model index (mesh.Grid.IndexOf action)
                                |> ValueOption.defaultValue -1
                        |]

                    let floors =
                        [ tableOf mesh model; holding; going ]
                        |> List.map (PolicyEvaluation.exact model gamma)

                    for scheme in schemes do
                        for horizon in 1..3 do
                            let rollout =
                                createWith
                                    mesh
                                    drawn
                                    { lookahead scheme horizon with
                                        Leaves = LeafValues.BetterOf
                                    }
                                |> orFail

                            let improved: FinitePolicy =
                                [|
                                    for index, state in List.indexed mesh.States ->
                                        let found = decide mesh rollout state (mesh.Grid.ActionAt keep)

                                        FiniteModel.tryChoice model index (mesh.Grid.IndexOf found.Action)
                                        |> ValueOption.defaultValue -1
                                |]

                            let values = PolicyEvaluation.exact model gamma improved

                            for floor in floors do
                                Array.forall2 (fun value least -> value >= least - 1e-9) values floor
                                |> Expect.isTrue $"{scheme.Name}, l = {horizon}")

            law "one control after another, it decides as multiagent rollout" (fun mesh ->
                let model = modelOf mesh
                let actions = tableOf mesh model
                let values = PolicyEvaluation.exact model gamma actions
                let components = ActionComponents.ofGrid mesh.Grid
                let order = ActionComponents.naturalOrder components

                for horizon in 1..3 do
                    let rollout = create mesh drawn RolloutScheme.Multiagent horizon |> orFail

                    for index, state in List.indexed mesh.States do
                        let expected =
                            MultiagentRollout.decide model gamma components order horizon actions values index

                        let found = decide mesh rollout state (mesh.Grid.ActionAt expected.BaseAction)

                        (mesh.Grid.IndexOf found.Action, found.QFactor, found.BaseQFactor)
                        |> Expect.equal
                            $"state {index}, l = {horizon}"
                            (expected.Action, expected.Value, ValueSome expected.BaseValue))

            law "of a policy that draws the expected value is improved" (fun mesh ->
                let model = modelOf mesh

                let values =
                    RandomizedPolicy.uniform model
                    |> RewardProcess.ofRandomizedPolicy model
                    |> PolicyEvaluation.exactOf gamma

                let rollout =
                    create mesh (RolloutBase.Distribution(RandomPolicy())) RolloutScheme.Joint 2
                    |> orFail

                for index, state in List.indexed mesh.States do
                    let expected = Lookahead.qFactors model gamma 2 values index

                    alternatives mesh rollout state
                    |> Array.map _.QFactor
                    |> Values.close $"state {index}" expected)

            law
                "the alternatives are the admissible actions, and the best of them has the action's Q-factor"
                (fun mesh ->
                    let model = modelOf mesh

                    for scheme in schemes do
                        for horizon in 1..3 do
                            let rollout = create mesh drawn scheme horizon |> orFail

                            for index, state in List.indexed mesh.States do
                                let found = alternatives mesh rollout state
                                let decision = decide mesh rollout state found[0].Action

                                found
                                |> Array.map (_.Action >> mesh.Grid.IndexOf)
                                |> Expect.equal
                                    "actions"
                                    model.Actions[model.FirstChoice[index] .. model.FirstChoice[index + 1] - 1]

                                for one in found do
                                    one.Next
                                    |> Expect.equal "next" (mesh.Grid.Move(state.Configuration, one.Action))

                                let own = found |> Array.find (fun one -> one.Action = decision.Action)
                                own.QFactor |> Expect.equal "the action's own" decision.QFactor

                                if scheme = RolloutScheme.Joint then
                                    found
                                    |> Array.map _.QFactor
                                    |> Array.max
                                    |> Expect.equal "the largest" decision.QFactor)

            law "joint, the base policy's action is never better than the decision" (fun mesh ->
                let model = modelOf mesh
                let table = tableOf mesh model |> FinitePolicy.actions model

                for horizon in 1..3 do
                    let rollout = create mesh drawn RolloutScheme.Joint horizon |> orFail

                    for index, state in List.indexed mesh.States do
                        let decision = decide mesh rollout state (mesh.Grid.ActionAt table[index])

                        match decision.BaseQFactor with
                        | ValueSome q -> (q, decision.QFactor) |> Expect.isLessThanOrEqual "Q-factor"
                        | ValueNone -> failtest "the base action is admissible")

            testProperty "a masked action never comes out, and the best of the others does" (fun (seed: uint64) ->
                let mesh = SmallMesh.ofSeed seed

                for scheme in schemes do
                    for horizon in 1..2 do
                        let rollout = create mesh drawn scheme horizon |> orFail

                        for index, state in List.indexed mesh.States do
                            let mask = SmallMesh.mask mesh.Grid (RandomKey(seed).Split(index: int))
                            let keep = ControlAction.Keep mesh.Grid.Controls.Count
                            let decision = rollout.Decide(state, mask, keep, never)
                            let left = rollout.Alternatives(state, mask, never)
                            Expect.isTrue "the action" (decision.Action.IsAllowedBy mask)
                            Expect.isTrue "the others" (left |> Array.forall _.Action.IsAllowedBy(mask))

                            let own = left |> Array.find (fun one -> one.Action = decision.Action)
                            own.QFactor |> Expect.equal "its Q-factor" decision.QFactor

                            let admissible =
                                alternatives mesh rollout state |> Array.filter _.Action.IsAllowedBy(mask)

                            if admissible.Length > 0 then
                                left |> Expect.equal "of those the grid allows" admissible

                            if scheme = RolloutScheme.Joint then
                                left
                                |> Array.map _.QFactor
                                |> Array.max
                                |> Expect.equal "the largest" decision.QFactor)

            testCase "a move beyond the edge that a mask leaves no choice but keeps the level" (fun () ->
                let mesh = SmallMesh.ofSeed 1UL
                let lowest = mesh.States.Head
                let onlyDown = Seq.replicate mesh.Grid.Controls.Count 0b001UL
                let mask = ActionMask(onlyDown.ToEquatableArray())
                let keep = ControlAction.Keep mesh.Grid.Controls.Count

                for scheme in schemes do
                    let rollout = create mesh drawn scheme 1 |> orFail
                    let decision = rollout.Decide(lowest, mask, keep, never)
                    Expect.allEqual "down" -1 decision.Action.Moves

                    (mesh.Grid.Move(lowest.Configuration, decision.Action))
                    |> Expect.equal "stays" lowest.Configuration

                    decision.BaseQFactor
                    |> Expect.equal "worth as much" (ValueSome decision.QFactor))

            testCase "what cannot be planned is an error" (fun () ->
                let mesh = SmallMesh.ofSeed 1UL
                Expect.isError "no step" (create mesh drawn RolloutScheme.Joint 0)

                Expect.isError
                    "a policy that draws, one control after another"
                    (create mesh (RolloutBase.Distribution(RandomPolicy())) RolloutScheme.Multiagent 1)

                let leaving =
                    { new IPolicy<SystemState, ControlAction> with
                        member _.Act(state, _, _) =
                            ControlAction.Keep(state.Configuration.Levels.Count).With(0, 0)
                    }

                // The first seed whose grid masks its edges.
                let masking =
                    Seq.initInfinite (uint64 >> SmallMesh.ofSeed)
                    |> Seq.find (fun mesh -> mesh.Grid.Edge = GridEdge.Mask)

                Expect.isError
                    "below the lowest level"
                    (create masking (RolloutBase.Actions leaving) RolloutScheme.Joint 1))

            testCase "a decision whose token is cancelled is given up" (fun () ->
                let mesh = SmallMesh.ofSeed 5UL
                let cancelled = CancellationToken true

                for scheme in schemes do
                    let rollout = create mesh drawn scheme 2 |> orFail
                    let state = mesh.States.Head
                    let mask = mesh.Grid.Mask state.Configuration
                    let keep = ControlAction.Keep mesh.Grid.Controls.Count

                    Expect.throwsT<System.OperationCanceledException> scheme.Name (fun () ->
                        rollout.Decide(state, mask, keep, cancelled) |> ignore)

                    // The next one is as before.
                    rollout.Decide(state, mask, keep, never)
                    |> Expect.equal scheme.Name (decide mesh rollout state keep))

            testCase "tabulating is given up soon after the token is cancelled" (fun () ->
                use stop = new CancellationTokenSource()
                let mutable asked = 0

                let dynamics =
                    large (
                        watched (fun count ->
                            asked <- count

                            if count = 3000 then
                                stop.Cancel())
                    )

                let loads = EquatableArray.ToEquatableArray [ RequestRate 5.0 ]

                Expect.throwsT<System.OperationCanceledException> "given up" (fun () ->
                    TableRollout.create dynamics loads gamma drawn (lookahead RolloutScheme.Joint 1) key stop.Token
                    |> ignore)

                (asked, 4096) |> Expect.isLessThan "configurations asked for, of 10,000")

            testCase "asking the base policy is given up as soon as the token is cancelled" (fun () ->
                use stop = new CancellationTokenSource()
                let mutable acted = 0

                let basePolicy =
                    { new IPolicy<SystemState, ControlAction> with
                        member _.Act(state, _, _) =
                            acted <- acted + 1

                            if acted = 10 then
                                stop.Cancel()

                            ControlAction.Keep state.Configuration.Levels.Count
                    }

                let loads = EquatableArray.ToEquatableArray [ RequestRate 5.0 ]

                Expect.throwsT<System.OperationCanceledException> "given up" (fun () ->
                    TableRollout.create
                        (large (watched ignore))
                        loads
                        gamma
                        (RolloutBase.Actions basePolicy)
                        (lookahead RolloutScheme.Joint 1)
                        key
                        stop.Token
                    |> ignore)

                acted |> Expect.equal "states asked for" 10)

            for name, computation in
                [
                    "policy iteration", fun model -> DynamicProgramming.policyIteration model gamma |> ignore
                    "value iteration in place",
                    fun model ->
                        DynamicProgramming.valueIteration Sweeps.GaussSeidel (SweepSettings.ofTheta 1e-9) model gamma
                        |> ignore
                    "value iteration",
                    fun model ->
                        DynamicProgramming.valueIteration Sweeps.Jacobi (SweepSettings.ofTheta 1e-9) model gamma
                        |> ignore
                    "modified policy iteration",
                    fun model ->
                        DynamicProgramming.modifiedPolicyIteration 5 (SweepSettings.ofTheta 1e-9) model gamma
                        |> ignore
                    "evaluation of a policy that draws",
                    fun model ->
                        RandomizedPolicy.uniform model
                        |> RewardProcess.ofRandomizedPolicy model
                        |> PolicyEvaluation.exactOf gamma
                        |> ignore
                    "lookahead in all states",
                    fun model -> Lookahead.policy model gamma 3 (Array.zeroCreate model.StateCount) |> ignore
                ] do
                testCase $"{name} is given up once the model's token is cancelled" (fun () ->
                    for mesh in [ SmallMesh.ofSeed 1UL; SmallMesh.ofSeed 2UL ] do
                        let model = modelOf mesh
                        computation model

                        Expect.throwsT<System.OperationCanceledException> name (fun () ->
                            computation (FiniteModel.until (CancellationToken true) model)))
        ]
