/// A system as its whole recorded trace shows it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.RecordedSystem

open System
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// The rows of a trace as samples to learn from, in their order.
let samples (trace: TestbedTrace) =
    trace.Rows
    |> Seq.choose (fun row ->
        match Monitor.sample (Metrics(0L, row.Configuration, row.Services)) with
        | Ok sample -> Some sample
        | Error _ -> None)

/// The response times of the system that a trace was recorded on: a forest fitted to all its rows taken together.
let responseTimes (scenario: Scenario) (trace: TestbedTrace) key : Result<IResponseTimeModel, string> =
    let idle = ControlAction.Keep scenario.Grid.Controls.Count

    let settings =
        {
            Grid = scenario.Grid
            Reward = scenario.Reward
            Discount = scenario.Discount
            BasePolicy =
                { new IPolicy<SystemState, ControlAction> with
                    member _.Act(_, _, _) = idle
                }
            Planner = Planner.BasePolicy
            Estimation =
                { scenario.Estimation with
                    Forgetting = Forgetting.Never
                }
        }

    match (Cycle.start settings (samples trace) key).Estimator.Model with
    | Ok model -> Ok model.ResponseTimes
    | Error(CycleError.TooFewSamples(available, required)) ->
        Error
            $"{trace.Path}: {available} rows with a response time; expected at least {required} (estimation.minimumSamples)"
    | Error error -> Error $"{trace.Path}: {error}"
