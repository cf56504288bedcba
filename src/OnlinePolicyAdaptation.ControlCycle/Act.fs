/// From an action to the configuration to bring into force.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Act

open OnlinePolicyAdaptation.Domain.Network

/// The configuration an admissible action leads to. A masked action breaks the planner's contract and stops the cycle.
let next (grid: ControlGrid) configuration (action: ControlAction) =
    let mask = grid.Mask configuration

    if
        action.Moves.Count <> mask.Components
        || not (Seq.forall (fun i -> mask.Allows(i, action.Choice i)) (seq { 0 .. mask.Components - 1 }))
    then
        invalidOp $"action {action.Moves} is masked in {grid.Describe configuration}"

    grid.Move(configuration, action)
