/// Numbers that no system can have measured, whatever the scenario: they are faults of who measures.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.Plausible

open OnlinePolicyAdaptation.Domain.Network

/// In req/s.
let largestLoad = 1e12

/// In seconds, more than eleven days.
let longestResponse = 1e6

let private doubtful (service: string) (field: string) (value: float) (unit: string) (bound: float) =
    Error
        {
            Kind = FaultKind.Implausible
            Reason = $"services.{service}.{field}: {value} {unit}; expected at most {bound}"
        }

let private service name (metrics: ServiceMetrics) =
    if not (metrics.OfferedLoad.PerSecond <= largestLoad) then
        doubtful name "offeredLoad" metrics.OfferedLoad.PerSecond "req/s" largestLoad
    elif not (metrics.CarriedLoad.PerSecond <= largestLoad) then
        doubtful name "carriedLoad" metrics.CarriedLoad.PerSecond "req/s" largestLoad
    elif
        metrics.MeanResponseTime.HasValue
        && not (metrics.MeanResponseTime.Value.Seconds <= longestResponse)
    then
        doubtful name "meanResponseTime" metrics.MeanResponseTime.Value.Seconds "s" longestResponse
    else
        Ok()

/// The interval, if all of its numbers may be true; otherwise the first that cannot.
let check (vocabulary: Vocabulary) (interval: Interval) =
    let mutable checkedUntil = 0
    let mutable result = Ok interval

    while checkedUntil < interval.Services.Count && Result.isOk result do
        match service vocabulary.Topology.Services[checkedUntil] interval.Services[checkedUntil] with
        | Ok() -> checkedUntil <- checkedUntil + 1
        | Error fault -> result <- Error fault

    result
