/// What happens in the loop, counted and logged.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.WatchLog

open System
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.Domain.Network

let private violations (reward: RewardFunction) (metrics: Metrics) =
    [
        for service in 0 .. reward.Objectives.Count - 1 do
            if reward.Excess(service, metrics.Services[service]) > 0.0 then
                service
    ]

let private decided (measures: Measures) (log: ILogger) reward (services: string seq) (decision: Decision) latency =
    let record = decision.Record
    measures.Offered Outcome.Accepted
    measures.Decided(decision.Author, latency)
    decision.Error |> ValueOption.iter measures.ModelError

    record.Model
    |> ValueOption.iter (fun model -> measures.ModelAge(record.Cycle - model.FittedAt))

    for service in violations reward record.Metrics do
        measures.ObjectiveMissed service

    for rule in decision.Rules do
        measures.RuleFired rule

        log.LogWarning(
            "cycle {Cycle}: guard rule {Rule} changed what was planned",
            record.Cycle,
            DecisionJson.ruleName rule
        )

    for error in record.Errors do
        measures.FellBack error
        log.LogWarning("cycle {Cycle}: {Trouble}", record.Cycle, DecisionJson.error services error)

    match record.Change with
    | ValueSome change ->
        measures.ChangeDetected()

        log.LogInformation(
            "cycle {Cycle}: {Service} shows that the system has changed, since cycle {Since}",
            record.Cycle,
            Seq.item change.Service services,
            change.Since
        )
    | ValueNone -> ()

/// `services` are their names.
let create (measures: Measures) (log: ILogger) reward (services: string seq) : Watch =
    {
        Decided = decided measures log reward services
        Refitted = fun model -> measures.Refitted(TimeSpan.FromSeconds model.RefitSeconds, model.Samples)
        RefitFailed = fun reason -> log.LogError("a refit failed, the last model stays: {Reason}", reason)
        Quarantined =
            fun fault ->
                measures.Offered(Outcome.Quarantined fault.Reason)
                measures.Quarantined fault.Kind
        AlreadyKnown = fun () -> measures.Offered Outcome.AlreadyKnown
        Undelivered =
            fun sent reason ->
                measures.Undelivered()
                log.LogError("cycle {Cycle}: the decision was not delivered: {Reason}", sent.Cycle, reason)
    }
