namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System.Text.RegularExpressions
open OnlinePolicyAdaptation.ControlCycle

/// What is done with a base policy.
[<RequireQualifiedAccess>]
type BasePolicyUse =
    /// It acts, whatever happens to the system.
    | Unchanged
    /// Rollout of it on the model estimated while it runs; it is not told of the change.
    | Rollout of horizon: int
    /// The same, one control chosen after another.
    | Multiagent of horizon: int

/// What is compared.
[<RequireQualifiedAccess>]
type Contender =
    /// The scenario's base policy, whatever happens to the system.
    | Base
    /// Rollout of that policy on the model estimated while it runs; it is not told of the change.
    | Rollout of horizon: int
    /// The same, one control chosen after another.
    | Multiagent of horizon: int
    /// Rollout with a model that forgets in another way than the scenario's.
    | RolloutForgetting of horizon: int * Forgetting
    /// A further base policy, by its name in the experiment.
    | Further of basePolicy: string * BasePolicyUse
    /// The scenario's base policy, and after the change one that was trained on the whole recording of the new system: anew,
    /// or on from the base policy (`warm`), or where that is no network, from one trained on the system before. It is in place
    /// at once, as if recording and training took no time; what they take is reported beside.
    | Retrained of warm: bool
    /// A policy of the literature that has no model of the system.
    | Baseline of Baseline
    /// The exact optimum of the system in force: who plays it is told of the change and has measured all of the system.
    | Optimum

    /// Its name in result files.
    member this.Name =
        match this with
        | Base -> "base"
        | Rollout horizon -> $"rollout-l{horizon}"
        | Multiagent horizon -> $"multiagent-l{horizon}"
        | RolloutForgetting(horizon, forgetting) -> $"rollout-l{horizon}-{EstimationSyntax.forgettingName forgetting}"
        | Further(name, BasePolicyUse.Unchanged) -> name
        | Further(name, BasePolicyUse.Rollout horizon) -> $"{name}-rollout-l{horizon}"
        | Further(name, BasePolicyUse.Multiagent horizon) -> $"{name}-multiagent-l{horizon}"
        | Retrained false -> "retrained"
        | Retrained true -> "retrained-warm"
        | Baseline baseline -> baseline.Name
        | Optimum -> "optimum"

    /// How it chooses its actions.
    member this.Planner =
        match this with
        | Rollout horizon
        | RolloutForgetting(horizon, _)
        | Further(_, BasePolicyUse.Rollout horizon) -> Planner.Rollout horizon
        | Multiagent horizon
        | Further(_, BasePolicyUse.Multiagent horizon) -> Planner.MultiagentRollout horizon
        | Base
        | Further(_, BasePolicyUse.Unchanged)
        | Retrained _
        | Baseline _
        | Optimum -> Planner.BasePolicy

    /// Whether it is there to compare base policies, control by control or further ones.
    member this.ComparesBasePolicies =
        match this with
        | Multiagent _
        | Further _ -> true
        | _ -> false

[<RequireQualifiedAccess>]
module Contender =

    /// What rollout makes of a base policy is named after it, the planner, the horizon and perhaps a way to forget.
    let private rolloutName =
        Regex("^(?:(?<base>.+?)-)?(?<planner>rollout|multiagent)-l(?<horizon>[1-9][0-9]{0,8})(?:-(?<forgetting>.+))?$")

    let private ofRollout (name: Match) =
        let given (group: string) =
            if name.Groups[group].Success then
                Some name.Groups[group].Value
            else
                None

        let horizon = int name.Groups["horizon"].Value

        match given "base", name.Groups["planner"].Value, given "forgetting" with
        | None, "multiagent", None -> Some(Contender.Multiagent horizon)
        | None, _, None -> Some(Contender.Rollout horizon)
        | None, "rollout", Some way ->
            match EstimationSyntax.forgetting way with
            | Ok forgetting -> Some(Contender.RolloutForgetting(horizon, forgetting))
            | Error _ -> None
        | Some policy, "multiagent", None -> Some(Contender.Further(policy, BasePolicyUse.Multiagent horizon))
        | Some policy, _, None -> Some(Contender.Further(policy, BasePolicyUse.Rollout horizon))
        | _ -> None

    /// The contender of a name, as `Name` gives it; none where no contender is called so.
    let ofName (name: string) =
        match name with
        | "base" -> Some Contender.Base
        | "optimum" -> Some Contender.Optimum
        | "retrained" -> Some(Contender.Retrained false)
        | "retrained-warm" -> Some(Contender.Retrained true)
        | "" -> None
        | _ ->
            match Baseline.ofName name, rolloutName.Match name with
            | Some baseline, _ -> Some(Contender.Baseline baseline)
            | None, found when found.Success -> ofRollout found
            | _ -> Some(Contender.Further(name, BasePolicyUse.Unchanged))
