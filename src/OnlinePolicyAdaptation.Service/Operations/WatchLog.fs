/// What happens in the loop, counted and logged: the first line of a kind at once, further ones at most one a minute. Foreign text
/// in it is one line of bounded length.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.WatchLog

open System
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// The services that missed their objectives, by their response times or by what they lost.
let private violations (reward: RewardFunction) (record: CycleRecord) =
    let lost =
        record.Errors
        |> List.choose (function
            | CycleError.RequestsLost(service, _)
            | CycleError.Outage(service, _) -> Some service
            | _ -> None)

    [
        for service in 0 .. reward.Objectives.Count - 1 do
            if
                reward.Excess(service, record.Metrics.Services[service]) > 0.0
                || List.contains service lost
            then
                service
    ]

/// Why deciding has failed, if so.
let private failure (decision: Decision) =
    decision.Record.Errors
    |> List.tryPick (function
        | CycleError.StageFailed(stage, reason) -> Some $"{stage}: {reason}"
        | _ -> None)

/// Text in which there may be something foreign.
let private said (text: string) = Redacted.Message text

/// A fault of the program: its stack once, and then only that it has come again.
let private fault (log: ILogger) (limit: LimitedLog) (failure: StageFailure) =
    let kind =
        $"{failure.Stage} {failure.Exception.GetBaseException().GetType().FullName}"

    limit.SayOnce kind (fun () ->
        log.LogError(failure.Exception, "stage {Stage} has failed, a fault of the program", failure.Stage))

/// The kind of an error, of which there are few.
let private kindOf =
    function
    | CycleError.IncompleteMetrics service -> $"incomplete metrics {service}"
    | CycleError.RequestsLost(service, _) -> $"requests lost {service}"
    | CycleError.Outage(service, _) -> $"outage {service}"
    | CycleError.UnusableMetrics _ -> "unusable metrics"
    | CycleError.Settling -> "settling"
    | CycleError.TooFewSamples _ -> "too few samples"
    | CycleError.UnusableModel _ -> "unusable model"
    | CycleError.StageFailed(stage, _) -> $"stage failed {stage}"

/// A base policy that acts by itself and goes to and fro: said once.
let private oscillating
    (log: ILogger)
    (limit: LimitedLog)
    (controls: string[])
    (oscillation: Oscillation)
    (decision: Decision)
    =
    if decision.Mode = Mode.Base then
        match oscillation.Next decision.Action with
        | ValueSome control ->
            limit.SayOnce $"oscillation {control}" (fun () ->
                log.LogWarning(
                    "cycle {Cycle}: the base policy moves {Control} to and fro, in half of the last 20 decisions",
                    decision.Record.Cycle,
                    controls[control]
                ))
        | ValueNone -> ()

/// What an operator's charts show of an interval.
let private gauged (measures: Measures) (grid: ControlGrid) (record: CycleRecord) =
    for control in 0 .. grid.Controls.Count - 1 do
        let level = record.Metrics.Configuration.Levels[control]
        measures.InForce(grid.Controls[control].Name, grid.Controls[control].Value level)

    for service in 0 .. record.Metrics.Services.Count - 1 do
        record.Metrics.Services[service].MeanResponseTime
        |> ValueOption.ofNullable
        |> ValueOption.iter (fun time -> measures.ResponseTime(service, time.Seconds))

    record.Reward |> ValueOption.iter measures.Reward

let private decided
    (measures: Measures)
    (health: Health)
    (log: ILogger)
    (limit: LimitedLog)
    reward
    (services: string seq)
    (grid: ControlGrid)
    (decision: Decision)
    latency
    (durations: (struct (string * TimeSpan)) list)
    =
    let record = decision.Record
    measures.Offered Outcome.Accepted
    measures.LastInterval decision.Time
    health.Took()
    gauged measures grid record

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

    for service in violations reward record do
        measures.ObjectiveMissed service

    for service in 0 .. Seq.length services - 1 do
        let seconds =
            record.Errors
            |> List.tryPick (function
                | CycleError.Outage(silent, seconds) when silent = service -> Some seconds
                | _ -> None)

        measures.Outage(service, Option.defaultValue 0.0 seconds)

    for rule in decision.Rules do
        measures.RuleFired rule

        limit.Say $"rule {rule.Rule}" (fun more ->
            log.LogWarning(
                "cycle {Cycle}: guard rule {Rule} decides what goes out{More}",
                record.Cycle,
                rule.Rule,
                more
            ))

    decision.Failure |> ValueOption.iter (fault log limit)

    match decision.Gap with
    | ValueSome gap ->
        limit.Say "gap" (fun more ->
            log.LogWarning(
                "cycle {Cycle}: {Seconds} s lie between this interval and the last one{What}{More}",
                record.Cycle,
                gap.TotalSeconds,
                (if gap < TimeSpan.Zero then
                     ": the clock was put back"
                 else
                     ""),
                more
            ))
    | ValueNone -> ()

    for error in record.Errors do
        measures.FellBack error

        limit.Say (kindOf error) (fun more ->
            let trouble = said (DecisionJson.error services error)
            log.LogWarning("cycle {Cycle}: {Trouble}{More}", record.Cycle, trouble, more))

    match decision.Lag with
    | ValueSome lag ->
        measures.Lag lag.Intervals

        if lag.IsNew then
            log.LogWarning(
                "cycle {Cycle}: response times are {Intervals} intervals old: {What}",
                record.Cycle,
                lag.Intervals,
                (if lag.IsFollowed then
                     "they are learned for the configurations of then"
                 else
                     "settlingSeconds must cover that")
            )
    | ValueNone -> ()

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

/// What is wrong with the source of metrics. What is unusable is counted and logged where it is quarantined.
let sourceTrouble (measures: Measures) (health: Health) (log: ILogger) (limit: LimitedLog) (trouble: SourceTrouble) =
    match trouble with
    | SourceTrouble.Unreachable reason ->
        measures.SourceFailed()
        health.SourceFailed(said reason)

        limit.Say "source unreachable" (fun more ->
            log.LogWarning("the source of metrics cannot be reached: {Reason}{More}", said reason, more))
    | SourceTrouble.Unusable reason -> health.SourceFailed(said reason)
    | SourceTrouble.ClockStepped _ ->
        measures.SourceFailed()

        limit.Say "clock stepped" (fun more ->
            log.LogWarning("the source of metrics: {Reason}{More}", trouble.Reason, more))

let private quarantined (log: ILogger) (limit: LimitedLog) (fault: Fault) =
    let kind = Quarantine.Word fault.Kind

    limit.Say $"quarantined {kind}" (fun more ->
        log.LogWarning("an element was quarantined, {Kind}: {Reason}{More}", kind, said fault.Reason, more))

let private refitFailed log (limit: LimitedLog) (trouble: RefitTrouble) =
    trouble.Failure |> ValueOption.iter (fault log limit)

    limit.Say "refit failed" (fun more ->
        log.LogError("a refit failed, the last model stays: {Reason}{More}", said trouble.Reason, more))

let private delivery (log: ILogger) (limit: LimitedLog) (sent: Outgoing) (fate: Fate) reason =
    match fate with
    | Fate.Delivered -> ()
    | Fate.Superseded
    | Fate.Stale ->
        limit.Say fate.Word (fun more ->
            log.LogWarning("cycle {Cycle}: the decision was not sent: {Reason}{More}", sent.Cycle, said reason, more))
    | Fate.Refused
    | Fate.GaveUp ->
        limit.Say fate.Word (fun more ->
            log.LogError(
                "cycle {Cycle}: the decision was not delivered: {Reason}{More}",
                sent.Cycle,
                said reason,
                more
            ))

let private journalState (measures: Measures) (health: Health) (log: ILogger) (limit: LimitedLog) =
    function
    | ValueSome reason ->
        measures.JournalWritable false
        health.Raise(Condition.Journal, reason)

        limit.Say "journal" (fun more ->
            log.LogError("the journal cannot be written, the configuration is held: {Reason}{More}", said reason, more))
    | ValueNone ->
        measures.JournalWritable true
        health.Clear Condition.Journal

        limit.Say "journal again" (fun more -> log.LogInformation("the journal can be written again{More}", more))

/// Says at the end what was passed over and not yet told.
let ended (log: ILogger) (limit: LimitedLog) =
    for kind, count in limit.PassedOver do
        log.LogInformation("{Count} more of this kind since the last line: {Kind}", count, kind)

/// `services` are their names.
let create
    (measures: Measures)
    (health: Health)
    (log: ILogger)
    (limit: LimitedLog)
    (reward: RewardFunction)
    (services: string seq)
    (grid: ControlGrid)
    : Watch =
    let controls = [| for control in grid.Controls -> control.Name |]
    let oscillation = Oscillation controls.Length

    for service in 0 .. reward.Objectives.Count - 1 do
        measures.Bound(service, reward.Objectives[service].Bound.Seconds)

    {
        Decided =
            fun decision latency durations ->
                decided measures health log limit reward services grid decision latency durations
                oscillating log limit controls oscillation decision
        Refitted = fun model -> measures.Refitted(TimeSpan.FromSeconds model.RefitSeconds, model.Samples)
        RefitFailed = refitFailed log limit
        Quarantined =
            fun fault ->
                measures.Offered(Outcome.Quarantined fault.Reason)
                measures.Quarantined fault.Kind
                quarantined log limit fault
        AlreadyKnown = fun () -> measures.Offered Outcome.AlreadyKnown
        Commanded = fun command -> log.LogWarning("{By} orders: {Order}", said command.By, command.Order.Text)
        JournalState = journalState measures health log limit
        Delivery =
            fun sent fate reason ->
                measures.Delivery fate
                delivery log limit sent fate reason
    }
