namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels

/// The state as a checkpoint keeps it.
type EstimateJson =
    {
        /// Sums of absolute errors and of response times, newest first.
        Errors: float[][]
        IsRefitting: bool
        /// `EstimatorFile`.
        Estimator: byte[]
        Lag: LagJson
    }

/// What estimation carries from one interval to the next.
type EstimateState =
    {
        Estimator: Estimator
        Errors: PredictionErrors
        /// The cycle after the last one that was estimated on.
        Cycle: int
        /// Whether a model is being fitted beside.
        IsRefitting: bool
        Lag: MetricsLag
    }

/// An interval, and what was learned from it.
type Estimated =
    {
        Monitored: Monitored
        /// Mean response time of every service in seconds, predicted before it was measured.
        Predicted: float[] voption
        /// The change of the system that was noticed.
        Change: DetectedChange voption
        /// None where no model is estimated.
        Lag: ToldLag voption
        /// The model in place; an error: there is none.
        Model: Result<EstimatedModel, CycleError>
        /// Of the last predictions: mean absolute error over mean response time.
        Error: float voption
        Errors: CycleError list
        /// A refit that was made in this step.
        Refit: Result<FittedModel, CycleError> voption
        /// A refit that is to be made beside.
        Request: RefitRequest voption
    }

/// From intervals to the system model: learn, notice changes, refit.
[<RequireQualifiedAccess>]
module Estimate =

    let private layout (settings: ControllerSettings) =
        FeatureLayout(settings.Grid, settings.Reward.Objectives.Count)

    /// Chance in models, by the cycle after whose metrics they are fitted.
    let private modelKey (key: RandomKey) (cycle: int) = key.Split(0).Split(cycle + 1)

    /// The state of a controller that has learned from these samples, oldest first.
    let start (settings: ControllerSettings) (history: Sample seq) key =
        {
            Estimator = Estimator.start settings.Estimation (layout settings) (modelKey key -1) history
            Errors = PredictionErrors.none
            Cycle = 0
            IsRefitting = false
            Lag = MetricsLag.start
        }

    let private isEstimating (settings: ControllerSettings) =
        match settings.Planner with
        | Planner.BasePolicy -> false
        | Planner.Rollout _
        | Planner.MultiagentRollout _ -> true

    /// A model of all that was observed up to a cycle. The slow part of a cycle.
    let fit (settings: ControllerSettings) key (request: RefitRequest) =
        Estimator.refit
            settings.Estimation
            (layout settings)
            request.Cycle
            (modelKey key request.Cycle)
            request.Estimator

    /// The interval as the lag is estimated from it, where it can be used.
    let private lagAfter
        (settings: ControllerSettings)
        (start: EstimateState)
        cycle
        (monitored: Monitored)
        (state: EstimateState)
        =
        let metrics = monitored.Metrics

        match isEstimating settings, MetricsCheck.check settings metrics with
        | true, Ok _ ->
            let before =
                match monitored.Gap with
                | ValueSome _ -> MetricsLag.interrupted state.Lag
                | ValueNone -> state.Lag

            let sample =
                match monitored.Sample with
                | Ok sample -> Ok sample
                | Error CycleError.Settling -> Samples.partial metrics
                | Error error -> Error error

            let seconds =
                match sample with
                | Ok sample -> ValueSome [| for time in sample.ResponseTimes -> time.Seconds |]
                | Error _ -> ValueNone

            MetricsLag.observe
                start.Estimator.Window
                (MetricsLag.entry cycle metrics.Configuration monitored.Loads seconds before)
                before
        | _ -> state.Lag

    /// Configuration and loads that the response times of an interval belong to.
    let private origin (settings: ControllerSettings) (lag: MetricsLag) (monitored: Monitored) =
        if settings.FollowsLag && lag.Lag > 0 && lag.Entries.Length > 0 then
            let origin = MetricsLag.origin lag
            struct (origin.Configuration, origin.OfferedLoads)
        else
            struct (monitored.Metrics.Configuration, monitored.Loads)

    let private learned settings start (state: EstimateState) lag cycle (monitored: Monitored) =
        let struct (configuration, loads) = origin settings lag monitored

        let predicted =
            match monitored.Unusable, state.Estimator.Model with
            | ValueNone, Ok model -> ValueSome(Estimator.predict model configuration loads)
            | _ -> ValueNone

        let estimator, change =
            match monitored.Sample with
            | _ when settings.FollowsLag && lag.Lag <> state.Lag.Lag ->
                LagRevision.relearned settings.Estimation (layout settings) start.Estimator state.Estimator lag,
                ValueNone
            | Ok sample when isEstimating settings ->
                let sample =
                    if lag.Lag > 0 && settings.FollowsLag then
                        { sample with
                            Configuration = configuration
                            OfferedLoads = loads
                        }
                    else
                        sample

                Estimator.observe settings.Estimation (layout settings) cycle sample predicted state.Estimator
            | _ -> state.Estimator, ValueNone

        let estimator =
            if isEstimating settings && monitored.Answers.Length > 0 then
                Estimator.observeLosses
                    settings.Estimation
                    cycle
                    monitored.Metrics.Configuration
                    monitored.Loads
                    monitored.Answers
                    estimator
            else
                estimator

        struct (predicted, estimator, change)

    /// What was lost, and of whom nothing is known.
    let private losses (monitored: Monitored) =
        [
            for service in 0 .. monitored.Answers.Length - 1 do
                match monitored.Answers[service].Answers with
                | Answers.Kept -> ()
                | Answers.Lost share -> CycleError.RequestsLost(service, share)
                | Answers.Nothing since -> CycleError.Outage(service, since.TotalSeconds)
        ]

    let private errors settings (monitored: Monitored) =
        match monitored.Unusable, monitored.Sample with
        | ValueSome error, _ -> [ error ]
        | ValueNone, sample ->
            match losses monitored, sample with
            | [], Error error when isEstimating settings -> [ error ]
            | losses, _ -> losses

    let private interval settings key start (state: EstimateState) (taken: Taken) (monitored: Monitored) =
        let lag = lagAfter settings start taken.Cycle monitored state

        let struct (predicted, estimator, change) =
            learned settings start state lag taken.Cycle monitored

        let predictionErrors = PredictionErrors.add predicted monitored.Sample state.Errors

        let isDue =
            isEstimating settings && Estimator.isRefitDue settings.Estimation estimator

        let request snapshot =
            {
                Cycle = taken.Cycle
                Estimator = snapshot
                Loads = monitored.Loads
            }

        let struct (current, refit, asked) =
            match settings.Clock with
            | Clock.Lockstep when isDue ->
                let struct (snapshot, begun) = Estimator.beginRefit (layout settings) estimator

                let fitted = fit settings key (request snapshot)
                struct (Estimator.install fitted begun, ValueSome fitted, ValueNone)
            | Clock.RealTime when isDue && not state.IsRefitting ->
                let struct (snapshot, begun) = Estimator.beginRefit (layout settings) estimator

                struct (Estimator.refresh (layout settings) begun, ValueNone, ValueSome(request snapshot))
            | _ -> struct (Estimator.refresh (layout settings) estimator, ValueNone, ValueNone)

        struct ({
                    Estimator = current
                    Errors = predictionErrors
                    Cycle = taken.Cycle + 1
                    IsRefitting = state.IsRefitting || ValueOption.isSome asked
                    Lag = lag
                },
                {
                    Monitored = monitored
                    Predicted = predicted
                    Change = change
                    Lag =
                        if isEstimating settings then
                            ValueSome
                                {
                                    Intervals = lag.Lag
                                    IsNew = lag.Lag <> state.Lag.Lag
                                    IsFollowed = settings.FollowsLag
                                }
                        else
                            ValueNone
                    Model = current.Model
                    Error = PredictionErrors.nmae predictionErrors
                    Errors =
                        errors settings monitored
                        @ (match refit with
                           | ValueSome(Error error) -> [ error ]
                           | _ -> [])
                    Refit = refit
                    Request = asked
                })

    let private event settings (state: EstimateState) event =
        match event with
        | Event.Refitted refit ->
            { state with
                Estimator =
                    Estimator.install refit.Model state.Estimator
                    |> Estimator.refresh (layout settings)
                IsRefitting = false
            }
        | _ -> state

    /// A refit that was under way when the process ended has to be begun again.
    let resume (settings: ControllerSettings) (state: EstimateState) =
        if state.IsRefitting then
            { state with
                IsRefitting = false
                Estimator =
                    { state.Estimator with
                        Pending = max state.Estimator.Pending settings.Estimation.RefitEvery
                        IsNews = true
                    }
            }
        else
            state

    let private codec (settings: ControllerSettings) key =
        let write (state: EstimateState) : EstimateJson =
            {
                Errors =
                    [|
                        for struct (error, total) in PredictionErrors.toList state.Errors -> [| error; total |]
                    |]
                IsRefitting = state.IsRefitting
                Estimator =
                    EstimatorFile.write
                        (layout settings)
                        {
                            Estimator = state.Estimator
                            Cycle = state.Cycle
                            Key = key
                        }
                Lag = LagJson.write state.Lag
            }

        let read (json: EstimateJson) =
            if json.Errors |> Array.exists (fun pair -> pair.Length <> 2) then
                Error "errors: expected pairs of an error and a total"
            else
                EstimatorFile.read settings.Estimation (layout settings) "estimator" json.Estimator
                |> Result.bind (fun kept ->
                    LagJson.read (layout settings) kept.Cycle json.Lag
                    |> Result.map (fun lag ->
                        {
                            Estimator = kept.Estimator
                            Errors = PredictionErrors.ofList [ for pair in json.Errors -> struct (pair[0], pair[1]) ]
                            Cycle = kept.Cycle
                            IsRefitting = json.IsRefitting
                            Lag = lag
                        }))

        StateJson.codec write read

    let name = "estimate"

    let stage settings key start =
        { Stage.create name start (Element.stepWith (interval settings key start) (event settings)) with
            Codec = ValueSome(codec settings key)
        }
