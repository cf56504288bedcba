/// From samples to the system model that is planned with.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Estimate

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// Fits the model to the window.
let fit (settings: ControllerSettings) cycle (key: RandomKey) (window: SampleWindow) =
    let estimation = settings.Estimation
    let available = SampleWindow.count window

    if available < estimation.MinimumSamples then
        Error(CycleError.TooFewSamples(available, estimation.MinimumSamples))
    else
        let layout = FeatureLayout(settings.Grid, settings.Reward.Objectives.Count)

        let forest =
            RandomForest.Fit(SampleWindow.trainingSet layout window, estimation.Forest, key)

        Ok
            {
                ResponseTimes = ForestResponseTimes(forest, layout)
                Samples = available
                FittedAt = cycle
            }

/// The predicted mean response time of every service, in seconds.
let predict (model: EstimatedModel) configuration (offeredLoads: EquatableArray<RequestRate>) =
    let seconds = Array.zeroCreate<float> offeredLoads.Count
    model.ResponseTimes.Predict(configuration, offeredLoads.AsSpan(), Span seconds)
    seconds
