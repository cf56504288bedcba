/// A system as its whole recorded trace shows it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.RecordedSystem

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.ControlCycle

/// The rows of a trace as samples to learn from, in their order.
let samples (trace: TestbedTrace) =
    trace.Rows
    |> Seq.choose (fun row ->
        match Samples.partial (Metrics(0L, row.Configuration, row.Services)) with
        | Ok sample -> Some sample
        | Error _ -> None)

/// The response times of the system that a trace was recorded on: a forest fitted to all its rows taken together.
let responseTimes (scenario: Scenario) (trace: TestbedTrace) key : Result<IResponseTimeModel, string> =
    let estimation =
        { scenario.Controller.Estimation with
            Forgetting = Forgetting.Never
        }

    let layout =
        FeatureLayout(scenario.System.Grid, scenario.Goal.Reward.Objectives.Count)

    match (Estimator.start estimation layout key (samples trace)).Model with
    | Ok model -> Ok model.ResponseTimes
    | Error(CycleError.TooFewSamples(available, required)) ->
        Error
            $"{trace.Path}: {available} rows with a response time; expected at least {required} (estimation.minimumSamples)"
    | Error error -> Error $"{trace.Path}: {error}"
