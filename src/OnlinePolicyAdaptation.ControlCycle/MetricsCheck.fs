/// What metrics must be to be planned with, and to be believed.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.MetricsCheck

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

let private isRate (rate: RequestRate) =
    Double.IsFinite rate.PerSecond && rate.PerSecond >= 0.0

/// The first reason that a function finds in the services, each with its number from 1.
let private firstReason (find: int -> ServiceMetrics -> string voption) (services: EquatableArray<ServiceMetrics>) =
    let mutable reason = ValueNone
    let mutable service = 0

    while reason.IsNone && service < services.Count do
        reason <- find (service + 1) services[service]
        service <- service + 1

    reason

/// What is wrong with the metrics of a service.
let private unsound number (service: ServiceMetrics) =
    if not (isRate service.OfferedLoad && isRate service.CarriedLoad) then
        ValueSome
            $"service {number}: offered load {service.OfferedLoad.PerSecond}, carried load {service.CarriedLoad.PerSecond}; expected finite req/s, not negative"
    elif not service.MeanResponseTime.HasValue then
        ValueNone
    else
        let seconds = service.MeanResponseTime.Value.Seconds

        if Double.IsFinite seconds && seconds >= 0.0 then
            ValueNone
        else
            ValueSome $"service {number}: response time {seconds}; expected finite seconds, not negative"

/// Checks metrics against the settings. What passes can be planned with; whether it can be learned from, `Monitor.sample` says.
let check (settings: ControllerSettings) (metrics: Metrics) =
    let expected = settings.Reward.Objectives.Count

    if metrics.Services.Count <> expected then
        Error(CycleError.UnusableMetrics $"{metrics.Services.Count} services measured; expected {expected}")
    elif not (settings.Grid.Contains metrics.Configuration) then
        Error(CycleError.UnusableMetrics $"configuration {metrics.Configuration.Levels} is not on the grid")
    else
        match firstReason unsound metrics.Services with
        | ValueSome reason -> Error(CycleError.UnusableMetrics reason)
        | ValueNone -> Ok metrics

let private implausibleService (settings: AdmissionSettings) number (service: ServiceMetrics) =
    let load = max service.OfferedLoad.PerSecond service.CarriedLoad.PerSecond

    if load > settings.PlausibleLoad then
        ValueSome $"service {number}: a load of {load} req/s; expected at most {settings.PlausibleLoad}"
    elif
        service.MeanResponseTime.HasValue
        && service.MeanResponseTime.Value.Seconds > settings.PlausibleSeconds
    then
        ValueSome
            $"service {number}: a response time of {service.MeanResponseTime.Value.Seconds} s; expected at most {settings.PlausibleSeconds}"
    else
        ValueNone

/// A value that no system has, if there is one: a fault of what has measured it.
let implausible settings services =
    firstReason (implausibleService settings) services
