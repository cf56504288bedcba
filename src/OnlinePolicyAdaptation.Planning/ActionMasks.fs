namespace OnlinePolicyAdaptation.Planning

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Masks of actions.
[<RequireQualifiedAccess>]
module ActionMasks =

    /// The moves of a control, as a mask has them.
    let down, keep, up = 0b001UL, 0b010UL, 0b100UL

    /// Allows nothing but keeping every control.
    let keeping controls =
        Seq.replicate controls keep |> EquatableArray.ToEquatableArray |> ActionMask

    /// What both allow. A control to which they allow no move in common keeps its level.
    let common (given: ActionMask) (other: ActionMask) =
        Seq.map2 (fun a b -> if a &&& b = 0UL then keep else a &&& b) given.Allowed other.Allowed
        |> EquatableArray.ToEquatableArray
        |> ActionMask

    /// Whether a mask allows the action of this number, whose digits are the choices of the controls, the last one fastest.
    let allows (mask: ActionMask) number =
        let mutable rest = number
        let mutable allowed = true

        for control in mask.Components - 1 .. -1 .. 0 do
            allowed <- allowed && mask.Allows(control, rest % ControlAction.ChoicesPerControl)
            rest <- rest / ControlAction.ChoicesPerControl

        allowed
