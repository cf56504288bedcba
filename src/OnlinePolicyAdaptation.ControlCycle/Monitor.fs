/// From metrics to a sample that can be learned from.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Monitor

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

let private isRate (rate: RequestRate) =
    Double.IsFinite rate.PerSecond && rate.PerSecond >= 0.0

/// Checks metrics against the settings. What passes can be planned with; whether it can be learned from, `sample` says.
let check (settings: ControllerSettings) (metrics: Metrics) =
    let expected = settings.Reward.Objectives.Count

    let fault (index: int) (service: ServiceMetrics) =
        let name = $"service {index + 1}"

        if not (isRate service.OfferedLoad && isRate service.CarriedLoad) then
            Some
                $"{name}: offered load {service.OfferedLoad.PerSecond}, carried load {service.CarriedLoad.PerSecond}; expected finite req/s, not negative"
        elif
            service.MeanResponseTime.HasValue
            && not (
                Double.IsFinite service.MeanResponseTime.Value.Seconds
                && service.MeanResponseTime.Value.Seconds >= 0.0
            )
        then
            Some
                $"{name}: response time {service.MeanResponseTime.Value.Seconds}; expected finite seconds, not negative"
        else
            None

    if metrics.Services.Count <> expected then
        Error(CycleError.UnusableMetrics $"{metrics.Services.Count} services measured; expected {expected}")
    elif not (settings.Grid.Contains metrics.Configuration) then
        Error(CycleError.UnusableMetrics $"configuration {metrics.Configuration.Levels} is not on the grid")
    else
        metrics.Services
        |> Seq.mapi fault
        |> Seq.tryPick id
        |> function
            | Some reason -> Error(CycleError.UnusableMetrics reason)
            | None -> Ok metrics

/// The sample in checked metrics, if every service answered something.
let sample (metrics: Metrics) =
    match
        metrics.Services
        |> Seq.tryFindIndex (fun service -> not service.MeanResponseTime.HasValue)
    with
    | Some service -> Error(CycleError.IncompleteMetrics service)
    | None ->
        Ok
            {
                Configuration = metrics.Configuration
                OfferedLoads = metrics.Services |> Seq.map _.OfferedLoad |> EquatableArray.ToEquatableArray
                ResponseTimes =
                    metrics.Services
                    |> Seq.map _.MeanResponseTime.Value
                    |> EquatableArray.ToEquatableArray
            }
