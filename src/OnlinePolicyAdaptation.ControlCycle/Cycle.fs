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
        Plans: Plans
    }

/// What a cycle has learned from its metrics, before it decides.
type Observed =
    {
        Metrics: Metrics
        /// Offered loads as they are planned for.
        Loads: EquatableArray<RequestRate>
        Predicted: float[] voption
        Reward: float voption
        Change: DetectedChange voption
        Errors: CycleError list
    }

/// Monitor, estimate, adapt, act: one control cycle as a pure, total function. Where a model is estimated beside the cycles,
/// its parts are called one by one: observe, decide, and refit and install when a new model is there.
[<RequireQualifiedAccess>]
module Cycle =

    /// The independent sources of chance within a run.
    let private modelKey (key: RandomKey) (cycle: int) = key.Split(0).Split(cycle + 1)

    let private actionKey (key: RandomKey) (cycle: int) = key.Split(1).Split cycle

    let private planKey (key: RandomKey) = key.Split 2

    let private layout (settings: ControllerSettings) =
        FeatureLayout(settings.Grid, settings.Reward.Objectives.Count)

    /// A controller that has learned from these samples, oldest first.
    let start settings (history: Sample seq) key =
        {
            Cycle = 0
            Estimator = Estimate.start settings.Estimation (layout settings) (modelKey key -1) history
            Previous = ValueNone
            Key = key
            Plans = Adapt.noPlans
        }

    let private reward (settings: ControllerSettings) (state: CycleState) (sample: Sample) =
        let current = state.Previous |> ValueOption.defaultValue sample.Configuration
        let seconds = sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray
        settings.Reward.Reward(current, sample.Configuration, System.ReadOnlySpan seconds)

    /// Learns from metrics, apart from refitting the model. An error: they contradict the settings.
    let observe (settings: ControllerSettings) (state: CycleState) (metrics: Metrics) =
        Monitor.check settings metrics
        |> Result.map (fun metrics ->
            let sample = Monitor.sample metrics

            let offered =
                metrics.Services |> Seq.map _.OfferedLoad |> EquatableArray.ToEquatableArray

            let loads = SampleWindow.quantised settings.Estimation offered

            let predicted =
                match state.Estimator.Model with
                | Ok model -> ValueSome(Estimate.predict model metrics.Configuration loads)
                | Error _ -> ValueNone

            let estimator, change =
                match settings.Planner, sample with
                | (Planner.Rollout _ | Planner.MultiagentRollout _), Ok sample ->
                    Estimate.observe settings.Estimation (layout settings) state.Cycle sample predicted state.Estimator
                | _ -> state.Estimator, ValueNone

            { state with Estimator = estimator },
            {
                Metrics = metrics
                Loads = loads
                Predicted = predicted
                Reward =
                    match sample with
                    | Ok sample -> ValueSome(reward settings state sample)
                    | Error _ -> ValueNone
                Change = change
                Errors =
                    match settings.Planner, sample with
                    | Planner.BasePolicy, _
                    | _, Ok _ -> []
                    | _, Error error -> [ error ]
            })

    /// Whether the model is to be refitted, after metrics were observed.
    let isRefitDue (settings: ControllerSettings) (state: CycleState) =
        match settings.Planner with
        | Planner.BasePolicy -> false
        | Planner.Rollout _
        | Planner.MultiagentRollout _ -> Estimate.isRefitDue settings.Estimation state.Estimator

    /// Begins a refit: what `refit` makes a model of, and the state that goes on meanwhile.
    let beginRefit (settings: ControllerSettings) (state: CycleState) =
        let struct (snapshot, begun) = Estimate.beginRefit (layout settings) state.Estimator

        struct ({ state with Estimator = snapshot }, { state with Estimator = begun })

    /// A model of all that was observed up to now. The slow part of a cycle.
    let refit (settings: ControllerSettings) (state: CycleState) =
        Estimate.refit
            settings.Estimation
            (layout settings)
            state.Cycle
            (modelKey state.Key state.Cycle)
            state.Estimator

    /// Puts the outcome of a refit in place.
    let install fitted (state: CycleState) =
        { state with
            Estimator = Estimate.install fitted state.Estimator
        }

    /// The state with a new model in place, and that model; an error: there is none, and the last one stays.
    let refitted settings state =
        let struct (snapshot, begun) = beginRefit settings state
        let fitted = refit settings snapshot
        struct (install fitted begun, fitted)

    /// The plan on the model in place for these loads, kept in the state for the decisions to come.
    let planAhead (settings: ControllerSettings) loads (state: CycleState) =
        match state.Estimator.Model with
        | Error _ -> state
        | Ok model ->
            { state with
                Plans = Adapt.planFor settings model loads (planKey state.Key) state.Plans |> snd
            }

    let private choose (settings: ControllerSettings) (state: CycleState) (here: SystemState) baseAction =
        match settings.Planner, state.Estimator.Model with
        | Planner.BasePolicy, _ -> ValueNone, state, []
        | _, Error error -> ValueNone, state, [ error ]
        | _, Ok model ->
            let plan, plans =
                Adapt.planFor settings model here.OfferedLoads (planKey state.Key) state.Plans

            let state = { state with Plans = plans }

            match plan with
            | Error error -> ValueNone, state, [ error ]
            | Ok plan -> ValueSome(Adapt.decide settings plan here baseAction), state, []

    /// What a cycle that has observed can choose between. An error: there is no model to compare actions with.
    let alternatives (settings: ControllerSettings) (state: CycleState) (observed: Observed) =
        let here = SystemState(observed.Metrics.Configuration, observed.Loads)

        match settings.Planner, state.Estimator.Model with
        | Planner.BasePolicy, _ -> Ok [||]
        | _, Error error -> Error error
        | (Planner.Rollout _ | Planner.MultiagentRollout _), Ok model ->
            Adapt.planFor settings model observed.Loads (planKey state.Key) state.Plans
            |> fst
            |> Result.map (fun plan -> Adapt.alternatives settings model plan here)

    /// Decides on the model in place, and ends the cycle.
    let decide (settings: ControllerSettings) (state: CycleState) (observed: Observed) =
        let configuration = observed.Metrics.Configuration
        let here = SystemState(configuration, observed.Loads)

        let baseAction =
            settings.BasePolicy.Act(here, settings.Grid.Mask configuration, actionKey state.Key state.Cycle)

        let choice, planned, errors = choose settings state here baseAction

        let action =
            match choice with
            | ValueSome choice -> choice.Action
            | ValueNone -> baseAction

        { planned with
            Cycle = state.Cycle + 1
            Previous = ValueSome configuration
        },
        {
            Cycle = state.Cycle
            Metrics = observed.Metrics
            Predicted = observed.Predicted
            Reward = observed.Reward
            Action = action
            Next = Act.next settings.Grid configuration action
            BaseAction = baseAction
            Change = observed.Change
            QFactor = choice |> ValueOption.map _.QFactor
            BaseQFactor = choice |> ValueOption.bind _.BaseQFactor
            Model =
                match choice, state.Estimator.Model with
                | ValueSome _, Ok model ->
                    ValueSome
                        {
                            FittedAt = model.FittedAt
                            Samples = model.Samples
                        }
                | _ -> ValueNone
            Errors = List.distinct (observed.Errors @ errors)
        }

    /// Ends a cycle whose metrics contradict the settings: nothing is learned and the configuration held.
    let hold (settings: ControllerSettings) (state: CycleState) (metrics: Metrics) error =
        let keep = ControlAction.Keep settings.Grid.Controls.Count

        { state with Cycle = state.Cycle + 1 },
        {
            Cycle = state.Cycle
            Metrics = metrics
            Predicted = ValueNone
            Reward = ValueNone
            Action = keep
            Next = metrics.Configuration
            BaseAction = keep
            Change = ValueNone
            QFactor = ValueNone
            BaseQFactor = ValueNone
            Model = ValueNone
            Errors = [ error ]
        }

    /// A whole cycle; the model is refitted first if that is due.
    let step (settings: ControllerSettings) (state: CycleState) (metrics: Metrics) : CycleState * CycleRecord =
        match observe settings state metrics with
        | Error error -> hold settings state metrics error
        | Ok(state, observed) when isRefitDue settings state ->
            let struct (state, fitted) = refitted settings state

            let errors =
                match fitted with
                | Ok _ -> observed.Errors
                | Error error -> observed.Errors @ [ error ]

            decide settings state { observed with Errors = errors }
        | Ok(state, observed) -> decide settings state observed
