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

/// Checks metrics against the settings. What passes can be planned with; whether it can be learned from, `Samples.learned` says.
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

/// What response times can be off by where they were rounded.
let private rounding = 1e-6

/// What one interval cannot have measured, whatever the system: a service that refused more than it was offered, shares of
/// requests that take longer than larger shares.
let private contradiction number (service: ServiceMetrics) =
    let isAbove (low: Nullable<ResponseTime>) (high: Nullable<ResponseTime>) =
        low.HasValue
        && high.HasValue
        && low.Value.Seconds > high.Value.Seconds * (1.0 + rounding)

    let offered = service.OfferedLoad.PerSecond

    if
        service.BlockedLoad.HasValue
        && service.BlockedLoad.Value.PerSecond > offered * (1.0 + rounding)
    then
        ValueSome
            $"service {number}: a blocked load of {service.BlockedLoad.Value.PerSecond} req/s; expected at most the offered load, {offered}"
    else
        match service.Statistics with
        | null -> ValueNone
        | statistics ->
            let quantiles =
                [| statistics.P50; statistics.P90; statistics.P95; statistics.P99 |]
                |> Array.filter _.HasValue

            if
                quantiles
                |> Array.pairwise
                |> Array.exists (fun (low, high) -> isAbove low high)
            then
                let seconds = quantiles |> Array.map (fun quantile -> string quantile.Value.Seconds)

                ValueSome
                    $"""service {number}: quantiles of the response time {String.Join(", ", seconds)}; expected them to grow"""
            else
                ValueNone

let private isMore (limit: float) (rate: Nullable<RequestRate>) =
    rate.HasValue && rate.Value.PerSecond > limit

let private isLonger (limit: float) (time: Nullable<ResponseTime>) =
    time.HasValue && time.Value.Seconds > limit

let private implausibleService (settings: AdmissionSettings) number (service: ServiceMetrics) =
    let load = max service.OfferedLoad.PerSecond service.CarriedLoad.PerSecond

    if load > settings.PlausibleLoad then
        ValueSome $"service {number}: a load of {load} req/s; expected at most {settings.PlausibleLoad}"
    elif isMore settings.PlausibleLoad service.FailedLoad then
        ValueSome
            $"service {number}: a failed load of {service.FailedLoad.Value.PerSecond} req/s; expected at most {settings.PlausibleLoad}"
    elif isLonger settings.PlausibleSeconds service.MeanResponseTime then
        ValueSome
            $"service {number}: a response time of {service.MeanResponseTime.Value.Seconds} s; expected at most {settings.PlausibleSeconds}"
    else
        contradiction number service

/// Cores in use over cores there are; a share in percent is beyond it.
let private highestUtilisation = 2.0

let private implausibleNode (nodes: EquatableArray<NodeMetrics>) =
    let mutable reason = ValueNone
    let mutable node = 0

    while reason.IsNone && node < nodes.Count do
        let share = nodes[node].Utilisation

        if share.HasValue && not (share.Value >= 0.0 && share.Value <= highestUtilisation) then
            reason <-
                ValueSome
                    $"node {node + 1}: a utilisation of {share.Value}; expected a share of its cores, at most {highestUtilisation}"

        node <- node + 1

    reason

/// A value that no system has, if there is one: a fault of what has measured it. Carried and failed loads may be more than the
/// offered load while requests of earlier intervals end, without a bound that one interval tells.
let implausible settings (interval: Interval) =
    match firstReason (implausibleService settings) interval.Services with
    | ValueSome reason -> ValueSome reason
    | ValueNone -> implausibleNode interval.Nodes
