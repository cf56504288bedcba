/// What happens in the control cycle, counted and logged.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.WatchLog

open System
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

let private violations (reward: RewardFunction) (metrics: Metrics) =
    [
        for service in 0 .. reward.Objectives.Count - 1 do
            if reward.Excess(service, metrics.Services[service]) > 0.0 then
                service
    ]

/// Why deciding has failed, if so.
let private failure (decision: Decision) =
    decision.Record.Errors
    |> List.tryPick (function
        | CycleError.StageFailed(stage, reason) -> Some $"{stage}: {reason}"
        | _ -> None)

let private decided
    (measures: Measures)
    (health: Health)
    (log: ILogger)
    reward
    (services: string seq)
    (decision: Decision)
    latency
    (durations: (struct (string * TimeSpan)) list)
    =
    let record = decision.Record
    measures.Offered Outcome.Accepted
    measures.LastInterval decision.Time
    health.Took()

    match failure decision with
    | Some reason ->
        measures.DecidingFailed()
        health.DecidingFailed reason
    | None -> health.Decided()

    measures.Decided(decision.By, latency)

    for struct (stage, duration) in durations do
        measures.StageTook(stage, duration)

    decision.Error |> ValueOption.iter measures.ModelError

    record.Model
    |> ValueOption.iter (fun model -> measures.ModelAge(record.Cycle - model.FittedAt))

    for service in violations reward record.Metrics do
        measures.ObjectiveMissed service

    for rule in decision.Rules do
        measures.RuleFired rule

        log.LogWarning("cycle {Cycle}: guard rule {Rule} changed what was planned", record.Cycle, rule.Rule)

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

/// What is wrong with the source of metrics.
let sourceTrouble (measures: Measures) (log: ILogger) (trouble: SourceTrouble) =
    measures.SourceFailed()

    match trouble with
    | SourceTrouble.Unreachable reason -> log.LogWarning("the source of metrics cannot be reached: {Reason}", reason)
    | SourceTrouble.ClockStepped _ -> log.LogWarning("the source of metrics: {Reason}", trouble.Reason)

/// `services` are their names.
let create (measures: Measures) (health: Health) (log: ILogger) reward (services: string seq) : Watch =
    {
        Decided = decided measures health log reward services
        Refitted = fun model -> measures.Refitted(TimeSpan.FromSeconds model.RefitSeconds, model.Samples)
        RefitFailed = fun reason -> log.LogError("a refit failed, the last model stays: {Reason}", reason)
        Quarantined =
            fun fault ->
                measures.Offered(Outcome.Quarantined fault.Reason)
                measures.Quarantined fault.Kind
        AlreadyKnown = fun () -> measures.Offered Outcome.AlreadyKnown
        Commanded = fun command -> log.LogWarning("{By} orders: {Order}", command.By, command.Order)
        JournalState =
            function
            | ValueSome reason ->
                measures.JournalWritable false
                health.Raise(Condition.Journal, reason)
                log.LogError("the journal cannot be written, the configuration is held: {Reason}", reason)
            | ValueNone ->
                measures.JournalWritable true
                health.Clear Condition.Journal
                log.LogInformation("the journal can be written again")
        Delivery =
            fun sent fate reason ->
                measures.Delivery fate

                match fate with
                | Fate.Delivered -> ()
                | Fate.Superseded
                | Fate.Stale -> log.LogWarning("cycle {Cycle}: the decision was not sent: {Reason}", sent.Cycle, reason)
                | Fate.Refused
                | Fate.GaveUp ->
                    log.LogError("cycle {Cycle}: the decision was not delivered: {Reason}", sent.Cycle, reason)
    }
