namespace OnlinePolicyAdaptation.Planning

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The levels that each control keeps within. From outside, the moves towards them are the admissible ones.
type MoveLimits =
    {
        Grid: ControlGrid
        /// The lowest and highest level of each control, in the grid's order.
        Bounds: struct (int * int)[]
    }

[<RequireQualifiedAccess>]
module MoveLimits =

    /// Moves left where there is no limit.
    let unlimited = Int32.MaxValue

    /// No control has a limit of its moves.
    let noLimit (grid: ControlGrid) =
        Array.create grid.Controls.Count unlimited |> EquatableArray.ToEquatableArray

    /// The admissible moves in a configuration, where each control has so many moves left. One that has none keeps its level.
    /// No move leaves the grid, whatever its edge.
    let mask limits (left: EquatableArray<int>) (configuration: Configuration) =
        Seq.init left.Count (fun control ->
            let struct (lowest, highest) = limits.Bounds[control]
            let level = configuration.Levels[control]

            if left[control] <= 0 then
                ActionMasks.keep
            elif level < lowest then
                ActionMasks.up
            elif level > highest then
                ActionMasks.down
            else
                ActionMasks.keep
                ||| (if level > lowest then ActionMasks.down else 0UL)
                ||| (if level < highest then ActionMasks.up else 0UL))
        |> EquatableArray.ToEquatableArray
        |> ActionMask

    /// The moves left after an action.
    let after (left: EquatableArray<int>) (action: ControlAction) =
        Seq.map2 (fun left move -> if left = unlimited || move = 0 then left else left - 1) left action.Moves
        |> EquatableArray.ToEquatableArray

    /// The levels that each control can come to and stay at, with its moves left.
    let reach limits (left: EquatableArray<int>) (configuration: Configuration) =
        Array.init left.Count (fun control ->
            let struct (lowest, highest) = limits.Bounds[control]
            let level = configuration.Levels[control]
            let below = int (max 0L (int64 level - int64 left[control]))

            let above =
                int (min (int64 (limits.Grid.Controls[control].Levels - 1)) (int64 level + int64 left[control]))

            struct (max below (min lowest above), min above (max highest below)))
