module OnlinePolicyAdaptation.Tests.Planning.Tables.LimitedRolloutTests

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

/// Bounds, moves left and a start, of a key.
let private drawn (grid: ControlGrid) (key: RandomKey) isLimited =
    let mutable sequence = key.Sequence()

    let bounds =
        [|
            for control in grid.Controls ->
                let a = sequence.NextInt control.Levels
                let b = sequence.NextInt control.Levels
                struct (min a b, max a b)
        |]

    let left =
        [
            for _ in grid.Controls ->
                let left = sequence.NextInt 4
                if isLimited then left else MoveLimits.unlimited
        ]

    { Grid = grid; Bounds = bounds },
    EquatableArray.ToEquatableArray left,
    grid.ConfigurationAt(sequence.NextInt grid.ConfigurationCount)

let private create (mesh: SmallMesh.Mesh) scheme horizon leaves limits =
    LimitedRollout.create
        mesh.Dynamics
        mesh.Loads
        gamma
        (RandomPolicy())
        {
            Scheme = scheme
            Horizon = horizon
            Leaves = leaves
        }
        limits
        key
        never
    |> orFail

let private reward (mesh: SmallMesh.Mesh) (from: Configuration) (next: Configuration) =
    let seconds = [| 0.0 |]
    mesh.Dynamics.ResponseTimes.Predict(next, mesh.Loads.AsSpan(), System.Span seconds)
    mesh.Dynamics.Reward.Reward(from, next, System.ReadOnlySpan seconds)

/// The actions taken one after the other, each with the configuration it is taken in and the moves left before it.
let private walk (mesh: SmallMesh.Mesh) (rollout: ILimitedRollout) left start steps =
    [ 1..steps ]
    |> List.mapFold
        (fun (configuration, left) _ ->
            let state = SystemState(configuration, mesh.Loads)
            let keep = ControlAction.Keep mesh.Grid.Controls.Count
            let mask = mesh.Grid.Mask configuration
            let action = rollout.Within(left).Decide(state, mask, keep, never).Action
            (configuration, left, action), (mesh.Grid.Move(configuration, action), MoveLimits.after left action))
        (start, left)
    |> fst

let private law name (body: SmallMesh.Mesh -> RandomKey -> unit) =
    testPropertyWithConfig
        { FsCheckConfig.defaultConfig with
            maxTest = 60
        }
        name
        (fun (seed: uint64) -> body (SmallMesh.ofSeed seed) (RandomKey seed))

let private kinds =
    [
        for scheme in [ RolloutScheme.Joint; RolloutScheme.Multiagent ] do
            for horizon in [ 1; 2; 3 ] do
                for leaves in [ LeafValues.Base; LeafValues.BetterOf ] -> scheme, horizon, leaves
    ]

let private keepsTheLimits (mesh: SmallMesh.Mesh) (key: RandomKey) =
    for isLimited in [ false; true ] do
        let limits, left, start = drawn mesh.Grid key isLimited

        for scheme, horizon, leaves in kinds do
            for configuration, left, action in walk mesh (create mesh scheme horizon leaves limits) left start 6 do
                for control in 0 .. mesh.Grid.Controls.Count - 1 do
                    let struct (lowest, highest) = limits.Bounds[control]
                    let level, move = configuration.Levels[control], action.Moves[control]

                    if left[control] = 0 then
                        Expect.equal "no move left" 0 move
                    elif level < lowest then
                        Expect.equal "into the bounds" 1 move
                    elif level > highest then
                        Expect.equal "into the bounds" -1 move
                    else
                        Expect.isTrue "within the bounds" (level + move >= lowest && level + move <= highest)

let private neverBelowHolding (mesh: SmallMesh.Mesh) (key: RandomKey) =
    let limits, left, _ = drawn mesh.Grid key true

    let start =
        Configuration(
            limits.Bounds
            |> Seq.map (fun (struct (lowest, _)) -> lowest)
            |> EquatableArray.ToEquatableArray
        )

    let staying configuration =
        reward mesh configuration configuration / (1.0 - 0.9)

    for scheme, horizon, leaves in kinds do
        // Once it keeps it keeps for ever, which is so after the moves left at the latest.
        let path =
            walk mesh (create mesh scheme horizon leaves limits) left start (1 + Seq.sum left)

        let last, _, final = List.last path
        Expect.isTrue "at rest" final.IsKeep

        let value =
            (path, staying last)
            ||> List.foldBack (fun (configuration, _, action) value ->
                reward mesh configuration (mesh.Grid.Move(configuration, action)) + 0.9 * value)

        Expect.isGreaterThanOrEqual $"{scheme.Name}, l = {horizon}" (value, staying start - 1e-9)

let private asWithoutLimits (mesh: SmallMesh.Mesh) (_: RandomKey) =
    if mesh.Grid.Edge = GridEdge.Mask then
        let limits =
            {
                Grid = mesh.Grid
                Bounds = [| for control in mesh.Grid.Controls -> struct (0, control.Levels - 1) |]
            }

        for scheme, horizon, leaves in kinds do
            let table =
                TableRollout.create
                    mesh.Dynamics
                    mesh.Loads
                    gamma
                    (RolloutBase.Actions(RandomPolicy()))
                    {
                        Scheme = scheme
                        Horizon = horizon
                        Leaves = leaves
                    }
                    key
                    never
                |> orFail

            let limited =
                (create mesh scheme horizon leaves limits).Within(MoveLimits.noLimit mesh.Grid)

            for state in mesh.States do
                let all (rollout: IRollout) =
                    rollout.Alternatives(state, mesh.Grid.Mask state.Configuration, never)

                let ofTable, ofLimited = all table, all limited
                Expect.equal "actions" (ofTable |> Array.map _.Action) (ofLimited |> Array.map _.Action)

                // Of equally good configurations the tables go to the first, and limits to the nearest: better-of leaves may differ.
                if leaves = LeafValues.Base && (scheme = RolloutScheme.Joint || horizon = 1) then
                    for a, b in Array.zip ofTable ofLimited do
                        Expect.isTrue $"{scheme.Name}, l = {horizon}" (abs (a.QFactor - b.QFactor) < 1e-9)

[<Tests>]
let tests =
    testList
        "Planning.Tables.LimitedRollout"
        [
            law "no action breaks a limit, and bounds are gone into straight from outside" keepsTheLimits
            law "with a limit of moves it is never below holding still" neverBelowHolding
            law "without limits its Q-factors are those of the tables" asWithoutLimits
        ]
