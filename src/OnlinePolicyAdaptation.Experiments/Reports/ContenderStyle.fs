/// How a contender is named and drawn in all reports. Not colours alone, but dashes and symbols differ as well.
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
    let of' colour dash =
        {
            Colour = colour
            Shade = Palette.shade colour
            Dash = dash
        }

    match contender with
    | Contender.Base -> of' Palette.vermilion "dot"
    | Contender.Optimum -> of' Palette.green "dash"
    | Contender.Baseline Baseline.ToldRetraining -> of' Palette.darkGrey "longdashdot"
    | Contender.Baseline _ -> of' Palette.grey "longdashdot"
    | Contender.Retrained false -> of' Palette.darkGrey "longdash"
    | Contender.Retrained true -> of' Palette.grey "dot"
    | Contender.Rollout 1 -> of' Palette.orange "solid"
    | Contender.Rollout 2 -> of' Palette.purple "solid"
    | Contender.Rollout _ -> of' Palette.blue "solid"
    | Contender.Multiagent 1 -> of' Palette.orange "dashdot"
    | Contender.Multiagent 2 -> of' Palette.purple "dashdot"
    | Contender.Multiagent _ -> of' Palette.blue "dashdot"
    | Contender.Further(_, BasePolicyUse.Unchanged) -> style Contender.Base
    | Contender.Further(_, BasePolicyUse.Rollout horizon) -> style (Contender.Rollout horizon)
    | Contender.Further(_, BasePolicyUse.Multiagent horizon) -> style (Contender.Multiagent horizon)
    | Contender.RolloutForgetting(_, Forgetting.Never) -> of' Palette.skyBlue "longdash"
    | Contender.RolloutForgetting(_, Forgetting.Window _) -> of' Palette.olive "longdashdot"
    | Contender.RolloutForgetting _ -> of' Palette.purple "dashdot"

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
    | Contender.Baseline Baseline.ToldRetraining -> "retrained when told, on a recording of its own"
    | Contender.Baseline Baseline.MonitoredUcb -> "M-UCB"
    | Contender.Baseline Baseline.DiscountedThompson -> "discounted Thompson sampling"
    | Contender.Baseline Baseline.SlidingWindowUcb -> "sliding-window UCB"
    | Contender.Baseline Baseline.ForgettingGaussianProcess -> "Gaussian process with forgetting"
    | Contender.Optimum -> "optimum, which knows the system"

/// The same for an axis, where there is little room.
let shortLabel contender =
    match contender with
    | Contender.Base -> "base policy"
    | Contender.Retrained false -> "retrained"
    | Contender.Retrained true -> "retrained, warm"
    | Contender.Optimum -> "optimum"
    | _ -> label contender
