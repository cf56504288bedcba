namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Network

/// Who chose an action.
[<RequireQualifiedAccess>]
type DecidedBy =
    | Rollout
    | BasePolicy
    /// Nobody planned it: a node is looked at that has no requests.
    | Probe
    /// Nobody: the configuration is held.
    | Nobody

/// What goes out after an interval, and why.
type Decision =
    {
        Time: DateTimeOffset
        Mode: Mode
        /// What was planned, before the guard looked at it.
        Record: CycleRecord
        By: DecidedBy
        /// What the guard let through.
        Action: ControlAction
        /// The configuration it leads to.
        Target: Configuration
        Rules: FiredRule list
        /// Of the last predictions: mean absolute error over mean response time.
        Error: float voption
        /// From the last interval to this one, where that is more than is usual.
        Gap: TimeSpan voption
        Lag: ToldLag voption
        /// A refit that was made for this decision.
        Refit: Result<ModelVersion, CycleError> voption
        /// Whether a model was asked for that is fitted beside.
        IsRefitAsked: bool
        /// Where a stage has failed; for logs, and in no file.
        Failure: StageFailure voption
    }

/// From what may go out to the decision.
[<RequireQualifiedAccess>]
module Act =

    let private version (model: EstimatedModel) =
        {
            FittedAt = model.FittedAt
            Samples = model.Samples
        }

    let private record (settings: ControllerSettings) (taken: Taken) (planned: Planned) : CycleRecord =
        let estimated = planned.Estimated
        let monitored = estimated.Monitored
        let configuration = monitored.Metrics.Configuration

        {
            Cycle = taken.Cycle
            Metrics = monitored.Metrics
            Predicted = estimated.Predicted
            Reward = monitored.Reward
            Action = planned.Action
            Next =
                if planned.Action.IsKeep then
                    configuration
                else
                    settings.Grid.Move(configuration, planned.Action)
            BaseAction = planned.BaseAction
            Probe = planned.Probe
            Change = estimated.Change
            QFactor = planned.QFactor
            BaseQFactor = planned.BaseQFactor
            Model =
                match planned.QFactor, estimated.Model with
                | ValueSome _, Ok model -> ValueSome(version model)
                | _ -> ValueNone
            Errors = planned.Errors
        }

    let private by (guarded: Guarded) =
        let checked' = guarded.Checked

        if
            ValueOption.isSome guarded.Planned.Estimated.Monitored.Unusable
            || (checked'.IsHeld && checked'.Action.IsKeep)
        then
            DecidedBy.Nobody
        elif checked'.IsReplaced || ValueOption.isNone guarded.Planned.QFactor then
            DecidedBy.BasePolicy
        elif guarded.Planned.Probe.IsSome && not checked'.Action.IsKeep then
            DecidedBy.Probe
        else
            DecidedBy.Rollout

    let private decision (settings: ControllerSettings) (taken: Taken) (guarded: Guarded) =
        let planned = guarded.Planned
        let estimated = planned.Estimated
        let configuration = estimated.Monitored.Metrics.Configuration
        let action = guarded.Checked.Action

        {
            Time = taken.Interval.Time
            Mode = settings.Mode
            Record = record settings taken planned
            By = by guarded
            Action = action
            Target =
                if action.IsKeep then
                    configuration
                else
                    settings.Grid.Move(configuration, action)
            Rules = guarded.Checked.Rules
            Error = estimated.Error
            Gap = estimated.Monitored.Gap
            Lag = estimated.Lag
            Refit =
                estimated.Refit
                |> ValueOption.map (Result.map (fun fitted -> version fitted.Estimate))
            IsRefitAsked = ValueOption.isSome estimated.Request
            Failure = ValueNone
        }

    /// The decision where a stage has failed: the configuration is held, and the reason recorded.
    let private hold (settings: ControllerSettings) (taken: Taken) (failure: StageFailure) =
        let configuration = taken.Interval.Configuration
        let keep = ControlAction.Keep settings.Grid.Controls.Count

        {
            Time = taken.Interval.Time
            Mode = settings.Mode
            Record =
                {
                    Cycle = taken.Cycle
                    Metrics = Metrics(int64 taken.Cycle, configuration, taken.Interval.Services)
                    Predicted = ValueNone
                    Reward = ValueNone
                    Action = keep
                    Next = configuration
                    BaseAction = keep
                    Probe = ValueNone
                    Change = ValueNone
                    QFactor = ValueNone
                    BaseQFactor = ValueNone
                    Model = ValueNone
                    Errors =
                        [
                            CycleError.StageFailed(failure.Stage, failure.Exception.GetBaseException().Message)
                        ]
                }
            By = DecidedBy.Nobody
            Action = keep
            Target = configuration
            Rules = []
            Error = ValueNone
            Gap = ValueNone
            Lag = ValueNone
            Refit = ValueNone
            IsRefitAsked = false
            Failure = ValueSome failure
        }

    let private step settings (element: Element<Guarded>) =
        match element with
        | Element.Interval(taken, guarded) -> Element.Interval(taken, decision settings taken guarded)
        | Element.Event(Event.Failed(taken, failure)) -> Element.Interval(taken, hold settings taken failure)
        | Element.Event event -> Element.Event event

    let stage settings = Stage.stateless "act" (step settings)
