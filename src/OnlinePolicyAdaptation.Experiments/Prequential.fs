namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.ControlCycle

/// What is evaluated on a trace.
[<RequireQualifiedAccess>]
type Estimation =
    /// A model that forgets in this way.
    | By of Forgetting
    /// The same, but with all trees grown anew in every cycle: what growing a few at a time is compared with.
    | FullRefit of Forgetting
    /// A model that is told of the change: where a trace ends and the next begins, it forgets all.
    | Oracle

    member this.Name =
        match this with
        | By forgetting -> EstimationSyntax.forgettingName forgetting
        | FullRefit forgetting -> $"{EstimationSyntax.forgettingName forgetting}, full refit"
        | Oracle -> "told of the change"

/// One measurement, first predicted, then learned from.
[<Struct>]
type Prediction =
    {
        /// Which trace it is from, from 0.
        Trace: int
        /// Sum of the absolute errors over the services, in seconds; none where there was no model.
        Error: float voption
        /// Sum of the measured response times, in seconds.
        Measured: float
        /// Whether a change of the system was noticed with it.
        Noticed: bool
        /// Time to detect, forget and refit.
        Learning: TimeSpan
    }

/// Predict, then learn: every row tests the model before it trains it (A. P. Dawid, Statistical Theory: The Prequential
/// Approach, Journal of the Royal Statistical Society A 147, 1984).
[<RequireQualifiedAccess>]
module Prequential =

    let private settings (estimation: EstimationSettings) kind =
        match kind with
        | Estimation.By forgetting ->
            { estimation with
                Forgetting = forgetting
            }
        | Estimation.FullRefit forgetting ->
            { estimation with
                Forgetting = forgetting
                RegrownTrees = estimation.Forest.Trees
            }
        | Estimation.Oracle ->
            { estimation with
                Forgetting = Forgetting.Never
            }

    /// An estimator that has forgotten all but its last model, which stays in place until something is learned.
    let private forgetAll estimation layout key (estimator: Estimator) =
        { Estimator.start estimation layout key [] with
            Model = estimator.Model
        }

    let private predicted (estimator: Estimator) estimation (sample: Sample) =
        match estimator.Model with
        | Error _ -> ValueNone
        | Ok model ->
            let loads = SampleWindow.quantised estimation sample.OfferedLoads
            let seconds = Estimator.predict model sample.Configuration loads

            ValueSome(
                Seq.zip seconds sample.ResponseTimes
                |> Seq.sumBy (fun (predicted, measured) -> abs (predicted - measured.Seconds))
            )

    /// Evaluates on traces in sequence from a checkpoint on; one prediction per sample, in order, and where the estimator
    /// stands afterwards. `onSample` is called after each.
    let from
        (checkpoint: EstimatorFile.EstimatorCheckpoint)
        (estimation: EstimationSettings)
        layout
        kind
        traces
        onSample
        =
        let learned = settings estimation kind

        // Told of a change, a model is not to be silent until it has as many samples as a first one needs.
        let again = { learned with MinimumSamples = 1 }
        let key = checkpoint.Key

        let step settings trace (checkpoint: EstimatorFile.EstimatorCheckpoint) (sample: Sample) =
            let error = predicted checkpoint.Estimator settings sample
            let began = TimeProvider.System.GetTimestamp()

            let estimator, change, _ =
                Estimator.learn
                    settings
                    layout
                    checkpoint.Cycle
                    (key.Split(checkpoint.Cycle + 1))
                    sample
                    checkpoint.Estimator

            let learning = TimeProvider.System.GetElapsedTime began
            onSample ()

            {
                Trace = trace
                Error = error
                Measured = sample.ResponseTimes |> Seq.sumBy _.Seconds
                Noticed = ValueOption.isSome change
                Learning = learning
            },
            { checkpoint with
                Estimator = estimator
                Cycle = checkpoint.Cycle + 1
            }

        let overTrace (checkpoint: EstimatorFile.EstimatorCheckpoint) (trace, samples: Sample[]) =
            match kind with
            | Estimation.Oracle when trace > 0 ->
                let forgotten =
                    { checkpoint with
                        Estimator = forgetAll again layout (key.Split 0) checkpoint.Estimator
                    }

                Array.mapFold (step again trace) forgotten samples
            | _ -> Array.mapFold (step learned trace) checkpoint samples

        let predictions, last =
            (checkpoint, Seq.indexed (traces: Sample[] list)) ||> Seq.mapFold overTrace

        Array.concat predictions, last

    /// An estimator that has learned nothing yet.
    let fresh (estimation: EstimationSettings) layout (key: RandomKey) kind : EstimatorFile.EstimatorCheckpoint =
        {
            Estimator = Estimator.start (settings estimation kind) layout (key.Split 0) []
            Cycle = 0
            Key = key
        }

    /// Evaluates on traces in sequence, beginning with nothing; one prediction per sample, in order.
    let run estimation layout key kind traces onSample =
        from (fresh estimation layout key kind) estimation layout kind traces onSample
        |> fst

    /// Sum of the errors over the sum of what was measured, where both are known; NaN where nothing was predicted.
    let nmae (predictions: Prediction seq) =
        let error, measured =
            ((0.0, 0.0), predictions)
            ||> Seq.fold (fun (error, measured) prediction ->
                match prediction.Error with
                | ValueSome e -> error + e, measured + prediction.Measured
                | ValueNone -> error, measured)

        error / measured
