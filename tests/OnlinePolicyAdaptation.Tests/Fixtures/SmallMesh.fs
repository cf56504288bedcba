/// Random meshes of one service that are small enough to solve, with many ties.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Fixtures.SmallMesh

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// A system under one load.
type Mesh =
    {
        Dynamics: NetworkDynamics
        Loads: EquatableArray<RequestRate>
    }

    member this.Grid = this.Dynamics.Grid

    member this.States =
        [
            for index in 0 .. this.Grid.ConfigurationCount - 1 ->
                SystemState(this.Grid.ConfigurationAt index, this.Loads)
        ]

let private array (items: 'a seq) = EquatableArray.ToEquatableArray items

/// One to three controls of two to four levels.
let ofSeed (seed: uint64) =
    let mutable sequence = RandomKey(seed).Sequence()
    let count = 1 + sequence.NextInt 3

    let controls =
        [
            for i in 0 .. count - 1 ->
                Control($"c{i}", ControlTarget.CpuCores(array [ i ]), 1.0, 4.0, 2 + sequence.NextInt 3)
        ]

    let edge =
        if sequence.NextInt 2 = 0 then
            GridEdge.Mask
        else
            GridEdge.Clip

    let costAt =
        if sequence.NextInt 2 = 0 then
            CostAt.CurrentState
        else
            CostAt.NextState

    let grid = ControlGrid(array controls, edge)

    let seconds =
        Array.init grid.ConfigurationCount (fun _ -> 0.05 * float (1 + sequence.NextInt 4))

    let objectives = array [ ServiceLevelObjective(ResponseTime 0.12) ]

    let reward =
        RewardFunction(grid, objectives, [ Seq.ofList [ 0 .. count - 1 ] ], costAt, Nullable 1)

    {
        Dynamics = NetworkDynamics(grid, reward, ResponseTimeTable(grid, 1, ReadOnlySpan seconds))
        Loads = array [ RequestRate 5.0 ]
    }

/// Some choices of every control, whether or not the grid allows them; at least one each.
let mask (grid: ControlGrid) (key: RandomKey) =
    let mutable sequence = key.Sequence()

    [ for _ in 0 .. grid.Controls.Count - 1 -> uint64 (1 + sequence.NextInt 7) ]
    |> array
    |> ActionMask
