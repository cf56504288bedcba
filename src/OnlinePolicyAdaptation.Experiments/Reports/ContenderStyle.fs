/// How a contender is named and drawn in all reports. Colours are those of Okabe and Ito, which colour-blind readers can tell
/// apart; dashes and symbols differ as well.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ContenderStyle

open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.ControlCycle

type Style =
    {
        Colour: string
        /// The colour of a band behind a line.
        Shade: string
        Dash: string
    }

let rec style contender =
    let of' (r, g, b) dash =
        {
            Colour = $"rgb({r},{g},{b})"
            Shade = $"rgba({r},{g},{b},0.15)"
            Dash = dash
        }

    match contender with
    | Contender.Base -> of' (213, 94, 0) "dot"
    | Contender.Optimum -> of' (0, 158, 115) "dash"
    | Contender.Retrained false -> of' (90, 90, 90) "longdash"
    | Contender.Retrained true -> of' (150, 150, 150) "dot"
    | Contender.Rollout 1 -> of' (230, 159, 0) "solid"
    | Contender.Rollout 2 -> of' (204, 121, 167) "solid"
    | Contender.Rollout _ -> of' (0, 114, 178) "solid"
    | Contender.Multiagent 1 -> of' (230, 159, 0) "dashdot"
    | Contender.Multiagent 2 -> of' (204, 121, 167) "dashdot"
    | Contender.Multiagent _ -> of' (0, 114, 178) "dashdot"
    | Contender.Further(_, BasePolicyUse.Unchanged) -> style Contender.Base
    | Contender.Further(_, BasePolicyUse.Rollout horizon) -> style (Contender.Rollout horizon)
    | Contender.Further(_, BasePolicyUse.Multiagent horizon) -> style (Contender.Multiagent horizon)
    | Contender.RolloutForgetting(_, Forgetting.Never) -> of' (86, 180, 233) "longdash"
    | Contender.RolloutForgetting(_, Forgetting.Window _) -> of' (150, 150, 40) "longdashdot"
    | Contender.RolloutForgetting _ -> of' (204, 121, 167) "dashdot"

let rec label contender =
    match contender with
    | Contender.Base -> "base policy, unchanged"
    | Contender.Rollout horizon -> $"rollout, l = {horizon}"
    | Contender.Multiagent horizon -> $"multiagent rollout, l = {horizon}"
    | Contender.Further(name, BasePolicyUse.Unchanged) -> $"{name}, unchanged"
    | Contender.Further(name, BasePolicyUse.Rollout horizon) -> $"{label (Contender.Rollout horizon)}, of {name}"
    | Contender.Further(name, BasePolicyUse.Multiagent horizon) -> $"{label (Contender.Multiagent horizon)}, of {name}"
    | Contender.RolloutForgetting(horizon, Forgetting.Never) -> $"rollout, l = {horizon}, never forgetting"
    | Contender.RolloutForgetting(horizon, forgetting) ->
        $"rollout, l = {horizon}, {EstimationSyntax.forgettingName forgetting}"
    | Contender.Retrained false -> "retrained from scratch"
    | Contender.Retrained true -> "retrained, warm start"
    | Contender.Optimum -> "optimum, which knows the system"

/// The same for an axis, where there is little room.
let shortLabel contender =
    match contender with
    | Contender.Base -> "base policy"
    | Contender.Retrained false -> "retrained"
    | Contender.Retrained true -> "retrained, warm"
    | Contender.Optimum -> "optimum"
    | _ -> label contender
