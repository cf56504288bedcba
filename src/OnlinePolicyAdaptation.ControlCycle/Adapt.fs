namespace OnlinePolicyAdaptation.ControlCycle

open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// An interval, and what is planned for it.
type Planned =
    {
        Estimated: Estimated
        Action: ControlAction
        /// What the base policy would do.
        BaseAction: ControlAction
        /// What goes out where the plan must not: the base policy's action, or keeping where the model thinks it no better.
        Fallback: ControlAction
        /// Of the action and of the base policy's, where rollout chose it.
        QFactor: float voption
        BaseQFactor: float voption
        Errors: CycleError list
        /// The plan did not come in time: the action is the base policy's.
        IsLate: bool
        /// The node that the action looks at in place of what was planned.
        Probe: int voption
    }

/// From the system model to an action: one step of policy iteration on the base policy at the current state.
[<RequireQualifiedAccess>]
module Adapt =

    /// Chance in the base policy's actions, by their cycle.
    let private actionKey (key: RandomKey) (cycle: int) = key.Split(1).Split cycle

    /// Chance in the actions that stand for a base policy in a plan.
    let private planKey (key: RandomKey) = key.Split 2

    let private byBasePolicy estimated action errors =
        {
            Estimated = estimated
            Action = action
            BaseAction = action
            Fallback = action
            QFactor = ValueNone
            BaseQFactor = ValueNone
            Errors = List.distinct (estimated.Errors @ errors)
            IsLate = false
            Probe = ValueNone
        }

    let private mask settings (monitored: Monitored) =
        Admissible.mask settings monitored.MovesLeft monitored.Outage monitored.Metrics.Configuration

    let private baseAction (settings: ControllerSettings) key (taken: Taken) (estimated: Estimated) =
        let configuration = estimated.Monitored.Metrics.Configuration

        settings.BasePolicy.Act(
            SystemState(configuration, estimated.Monitored.Loads),
            mask settings estimated.Monitored,
            actionKey key taken.Cycle
        )

    /// The base policy's action, but only where the plan thinks it better than keeping everything.
    let private steadied
        settings
        monitored
        plan
        here
        (decision: RolloutDecision)
        (baseAction: ControlAction)
        cancellation
        =
        let controls = baseAction.Moves.Count
        let keep = ControlAction.Keep controls

        match decision.BaseQFactor with
        | ValueSome baseQFactor when not baseAction.IsKeep && keep.IsAllowedBy(mask settings monitored) ->
            let kept =
                Plans.decide plan monitored.MovesLeft here (ActionMasks.keeping controls) keep cancellation

            if baseQFactor > kept.QFactor then baseAction else keep
        | _ -> baseAction

    /// Whether the guard may put something else in the place of a plan.
    let private isReplaceable (guard: GuardSettings) =
        guard.MaximumError < infinity || guard.MinimumSamples > 0

    /// What rollout decides, with what goes out in its place, where it is to decide, and the plans it did so on. An error: it cannot.
    let private decide (settings: ControllerSettings) key cancellation plans (estimated: Estimated) baseAction =
        let monitored = estimated.Monitored
        let here = SystemState(monitored.Metrics.Configuration, monitored.Loads)

        match settings.Planner, estimated.Model with
        | Planner.BasePolicy, _ -> plans, Ok ValueNone
        | _, Error error -> plans, Error error
        | _, Ok model ->
            let plan, plans =
                Plans.planFor settings model monitored.Loads (planKey key) cancellation plans

            plans,
            plan
            |> Result.map (fun plan ->
                let decision =
                    Plans.decide plan monitored.MovesLeft here (mask settings monitored) baseAction cancellation

                let fallback =
                    if isReplaceable settings.Guard then
                        steadied settings monitored plan here decision baseAction cancellation
                    else
                        baseAction

                ValueSome(struct (decision, fallback)))

    let private planned settings key cancellation plans taken (estimated: Estimated) =
        let baseAction = baseAction settings key taken estimated

        match decide settings key cancellation plans estimated baseAction with
        | plans, Error error -> struct (plans, byBasePolicy estimated baseAction [ error ])
        | plans, Ok ValueNone -> struct (plans, byBasePolicy estimated baseAction [])
        | plans, Ok(ValueSome(struct (decision, fallback))) ->
            struct (plans,
                    {
                        Estimated = estimated
                        Action = decision.Action
                        BaseAction = baseAction
                        Fallback = fallback
                        QFactor = ValueSome decision.QFactor
                        BaseQFactor = decision.BaseQFactor
                        Errors = List.distinct estimated.Errors
                        IsLate = false
                        Probe = ValueNone
                    })

    /// Nothing is planned where the metrics cannot be used, nor where it is known what went out.
    let private unplanned (settings: ControllerSettings) (taken: Taken) (estimated: Estimated) =
        match taken.Replayed, estimated.Monitored.Unusable with
        | ValueSome wentOut, _ -> ValueSome(byBasePolicy estimated wentOut.Action [])
        | ValueNone, ValueSome _ ->
            ValueSome(byBasePolicy estimated (ControlAction.Keep settings.Grid.Controls.Count) [])
        | ValueNone, ValueNone -> ValueNone

    let private interval settings key cancellation plans taken estimated =
        match unplanned settings taken estimated with
        | ValueSome kept -> struct (plans, kept)
        | ValueNone -> planned settings key cancellation plans taken estimated

    let private late settings key plans taken estimated =
        match unplanned settings taken estimated with
        | ValueSome kept -> struct (plans, kept)
        | ValueNone ->
            struct (plans,
                    { byBasePolicy estimated (baseAction settings key taken estimated) [] with
                        IsLate = true
                    })

    let private event plans event =
        match event with
        | Event.Refitted { Model = Ok _; Plans = ahead } -> ahead
        | _ -> plans

    /// What can be chosen from after an interval, in no order. An error: there is no model to compare actions with.
    let alternatives (settings: ControllerSettings) key (estimated: Estimated) =
        let monitored = estimated.Monitored
        let here = SystemState(monitored.Metrics.Configuration, monitored.Loads)

        match monitored.Unusable, settings.Planner, estimated.Model with
        | ValueSome error, _, _ -> Error error
        | _, Planner.BasePolicy, _ -> Ok [||]
        | _, _, Error error -> Error error
        | _, _, Ok model ->
            Plans.planFor settings model monitored.Loads (planKey key) CancellationToken.None Plans.none
            |> fst
            |> Result.map (fun plan -> Plans.alternatives model plan monitored.MovesLeft here (mask settings monitored))

    /// Plans on a model for these loads, for the decisions to come.
    let ahead (settings: ControllerSettings) key (model: EstimatedModel) loads =
        Plans.planFor settings model loads (planKey key) CancellationToken.None Plans.none
        |> snd

    let stage settings key =
        let step cancellation =
            Element.stepWith (interval settings key cancellation) event

        { Stage.create "adapt" Plans.none (step CancellationToken.None) with
            Deadline =
                ValueSome
                    {
                        Step = step
                        Missed = Element.stepWith (late settings key) event
                    }
        }
