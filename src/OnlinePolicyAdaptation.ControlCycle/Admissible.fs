namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// What the guard will let out, as far as it can be known before: what is planned keeps to it.
[<RequireQualifiedAccess>]
module Admissible =

    /// The moves that each control has left.
    let movesLeft (settings: GuardSettings) (moves: DateTimeOffset list[]) =
        moves
        |> Seq.map (fun moves ->
            if settings.MaximumChanges = MoveLimits.unlimited then
                MoveLimits.unlimited
            else
                max 0 (settings.MaximumChanges - List.length moves))
        |> EquatableArray.ToEquatableArray

    /// The levels that each control may be moved to: inside its bounds, and explored. Where no level is both, the bounds.
    let private levels (guard: GuardSettings) =
        Array.map2
            (fun (struct (lowest, highest) as bounds) (struct (lowestExplored, highestExplored)) ->
                let both = struct (max lowest lowestExplored, min highest highestExplored)
                let struct (first, last) = both
                if first <= last then both else bounds)
            guard.Bounds
            guard.Explored

    /// The limits that planning keeps to in its whole horizon; none where the guard has none.
    let limits (settings: ControllerSettings) =
        let levels = levels settings.Guard

        let isWhole =
            Seq.forall2
                (fun (control: Control) (struct (lowest, highest)) -> lowest <= 0 && highest >= control.Levels - 1)
                settings.Grid.Controls
                levels

        if isWhole && settings.Guard.MaximumChanges = MoveLimits.unlimited then
            ValueNone
        else
            ValueSome
                {
                    Grid = settings.Grid
                    Bounds = levels
                }

    /// What an outage leaves of the actions of a configuration.
    let inOutage (settings: ControllerSettings) outage configuration =
        Outage.limits settings.Guard.Outage (levels settings.Guard) settings.Grid outage configuration

    /// The admissible actions of a configuration. What else bars actions of the present decision alone is masked here.
    let mask (settings: ControllerSettings) movesLeft outage (configuration: Configuration) =
        let mask =
            match limits settings with
            | ValueNone -> settings.Grid.Mask configuration
            | ValueSome limits -> MoveLimits.mask limits movesLeft configuration

        match outage with
        | ValueNone -> mask
        | ValueSome outage -> ActionMasks.common mask (inOutage settings outage configuration).Mask
