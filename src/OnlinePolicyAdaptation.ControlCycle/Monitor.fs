/// From metrics to a sample that can be learned from.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Monitor

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

let private isRate (rate: RequestRate) =
    Double.IsFinite rate.PerSecond && rate.PerSecond >= 0.0

let private isSound (service: ServiceMetrics) =
    let mean = service.MeanResponseTime

    isRate service.OfferedLoad
    && isRate service.CarriedLoad
    && (not mean.HasValue
        || (Double.IsFinite mean.Value.Seconds && mean.Value.Seconds >= 0.0))

let private fault (index: int) (service: ServiceMetrics) =
    if not (isRate service.OfferedLoad && isRate service.CarriedLoad) then
        $"service {index + 1}: offered load {service.OfferedLoad.PerSecond}, carried load {service.CarriedLoad.PerSecond}; expected finite req/s, not negative"
    else
        $"service {index + 1}: response time {service.MeanResponseTime.GetValueOrDefault().Seconds}; expected finite seconds, not negative"

/// Checks metrics against the settings. What passes can be planned with; whether it can be learned from, `sample` says.
let check (settings: ControllerSettings) (metrics: Metrics) =
    let expected = settings.Reward.Objectives.Count

    if metrics.Services.Count <> expected then
        Error(CycleError.UnusableMetrics $"{metrics.Services.Count} services measured; expected {expected}")
    elif not (settings.Grid.Contains metrics.Configuration) then
        Error(CycleError.UnusableMetrics $"configuration {metrics.Configuration.Levels} is not on the grid")
    else
        match metrics.Services |> Seq.tryFindIndex (isSound >> not) with
        | Some index -> Error(CycleError.UnusableMetrics(fault index metrics.Services[index]))
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
