/// What is learned from the metrics of an interval, and what it was worth.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Samples

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Of every service.
let offeredLoads (metrics: Metrics) =
    let loads = Array.zeroCreate<RequestRate> metrics.Services.Count

    for service in 0 .. loads.Length - 1 do
        loads[service] <- metrics.Services[service].OfferedLoad

    EquatableArray.ToEquatableArray loads

/// What is measured of a service; none where it answered nothing, and where its losses are learned instead.
let private measured (answers: ServiceAnswers[]) service (metrics: Metrics) =
    let mean = metrics.Services[service].MeanResponseTime

    if mean.HasValue && (answers.Length = 0 || answers[service].Seconds.IsNone) then
        ValueSome mean.Value
    else
        ValueNone

/// The sample in checked metrics of the services that answered; an error where none has, or its losses are learned instead.
let learned answers (metrics: Metrics) =
    let seconds = Array.create<ResponseTime> metrics.Services.Count (ResponseTime nan)
    let mutable silent = -1
    let mutable known = false

    for service in seconds.Length - 1 .. -1 .. 0 do
        match measured answers service metrics with
        | ValueSome mean ->
            seconds[service] <- mean
            known <- true
        | ValueNone -> silent <- service

    if not known && silent >= 0 then
        Error(CycleError.IncompleteMetrics silent)
    else
        Ok
            {
                Configuration = metrics.Configuration
                OfferedLoads = offeredLoads metrics
                ResponseTimes = EquatableArray.ToEquatableArray seconds
            }

/// The sample in checked metrics of the services that answered; an error where none has.
let partial (metrics: Metrics) = learned [||] metrics

/// The sample in checked metrics, if every service answered something.
let whole (metrics: Metrics) =
    match
        metrics.Services
        |> Seq.tryFindIndex (fun service -> not service.MeanResponseTime.HasValue)
    with
    | Some silent -> Error(CycleError.IncompleteMetrics silent)
    | None -> partial metrics

/// The reward of the step that led here, if it is known of every service what it was worth.
let reward (settings: ControllerSettings) previous (answers: ServiceAnswers[]) (metrics: Metrics) =
    let from = previous |> ValueOption.defaultValue metrics.Configuration

    let seconds =
        Array.init metrics.Services.Count (fun service ->
            match measured answers service metrics with
            | ValueSome mean -> mean.Seconds
            | ValueNone when answers.Length > 0 -> answers[service].Seconds |> ValueOption.defaultValue nan
            | ValueNone -> nan)

    if Array.exists Double.IsNaN seconds then
        ValueNone
    else
        ValueSome(settings.Reward.Reward(from, metrics.Configuration, ReadOnlySpan seconds))
