namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels

/// What a controller carries from one cycle to the next.
type CycleState =
    {
        /// The number of the next cycle, from 0.
        Cycle: int
        Estimator: Estimator
        /// The configuration in force in the cycle before.
        Previous: Configuration voption
        Key: RandomKey
    }

/// Monitor, estimate, adapt, act: one control cycle as a pure, total function.
[<RequireQualifiedAccess>]
module Cycle =

    /// The independent sources of chance within a run.
    let private modelKey (key: RandomKey) (cycle: int) = key.Split(0).Split(cycle + 1)

    let private actionKey (key: RandomKey) (cycle: int) = key.Split(1).Split cycle

    let private layout (settings: ControllerSettings) =
        FeatureLayout(settings.Grid, settings.Reward.Objectives.Count)

    /// A controller that has learned from these samples, oldest first.
    let start settings (history: Sample seq) key =
        {
            Cycle = 0
            Estimator = Estimate.start settings.Estimation (layout settings) (modelKey key -1) history
            Previous = ValueNone
            Key = key
        }

    let private reward (settings: ControllerSettings) (state: CycleState) (sample: Sample) =
        let current = state.Previous |> ValueOption.defaultValue sample.Configuration
        let seconds = sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray
        settings.Reward.Reward(current, sample.Configuration, System.ReadOnlySpan seconds)

    let private hold (state: CycleState) (metrics: Metrics) controls error =
        { state with Cycle = state.Cycle + 1 },
        {
            Cycle = state.Cycle
            Metrics = metrics
            Predicted = ValueNone
            Reward = ValueNone
            Action = ControlAction.Keep controls
            Next = metrics.Configuration
            Change = ValueNone
            QFactor = ValueNone
            Errors = [ error ]
        }

    let step (settings: ControllerSettings) (state: CycleState) (metrics: Metrics) : CycleState * CycleRecord =
        match Monitor.check settings metrics with
        | Error error -> hold state metrics settings.Grid.Controls.Count error
        | Ok metrics ->
            let sample = Monitor.sample metrics
            let configuration = metrics.Configuration

            let offered =
                metrics.Services |> Seq.map _.OfferedLoad |> EquatableArray.ToEquatableArray

            let loads = SampleWindow.quantised settings.Estimation offered

            let predicted =
                match state.Estimator.Model with
                | Ok model -> ValueSome(Estimate.predict model configuration loads)
                | Error _ -> ValueNone

            let estimator, change, estimationErrors =
                match settings.Planner, sample with
                | Planner.BasePolicy, Ok _ -> state.Estimator, ValueNone, []
                | _, Error error -> state.Estimator, ValueNone, [ error ]
                | Planner.Rollout _, Ok sample ->
                    Estimate.learn
                        settings.Estimation
                        (layout settings)
                        state.Cycle
                        (modelKey state.Key state.Cycle)
                        sample
                        state.Estimator

            let struct (action, qFactor), planningErrors =
                Adapt.decide
                    settings
                    estimator.Model
                    (SystemState(configuration, loads))
                    (actionKey state.Key state.Cycle)

            { state with
                Estimator = estimator
                Cycle = state.Cycle + 1
                Previous = ValueSome configuration
            },
            {
                Cycle = state.Cycle
                Metrics = metrics
                Predicted = predicted
                Reward =
                    match sample with
                    | Ok sample -> ValueSome(reward settings state sample)
                    | Error _ -> ValueNone
                Action = action
                Next = Act.next settings.Grid configuration action
                Change = change
                QFactor = qFactor
                Errors = List.distinct (estimationErrors @ planningErrors)
            }
