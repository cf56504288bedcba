namespace OnlinePolicyAdaptation.Service

open System
open System.Collections.Concurrent
open System.IO
open System.Threading
open global.Prometheus
open OnlinePolicyAdaptation.ControlCycle

/// Why a connection had to end for others.
[<RequireQualifiedAccess>]
type TurnedAway =
    /// It was the longest without a request.
    | Idle
    /// There was no room for it but for the operators' pages, and it asked for something else.
    | ProbesOnly

/// What the controller counts and measures of itself, for Prometheus. Safe from any thread. `services`: their names.
[<Sealed>]
type Measures(services: string seq) =
    let services = Array.ofSeq services
    let registry = Metrics.NewCustomRegistry()
    let create = Metrics.WithCustomRegistry registry

    let counter name (help: string) = create.CreateCounter(name, help)

    let counterBy (label: string) name (help: string) =
        create.CreateCounter(name, help, [| label |])

    let gauge name (help: string) = create.CreateGauge(name, help)

    /// One of which nothing is known until it is first set.
    let lateGauge name (help: string) =
        create.CreateGauge(name, help, GaugeConfiguration(SuppressInitialValue = true))

    /// Buckets of 1, 2.5 and 5 times the powers of ten from 10^lowest to 10^highest seconds.
    let seconds lowest highest name (help: string) =
        let buckets =
            [|
                for exponent in lowest .. highest - 1 do
                    for digit in [ 1.0; 2.5; 5.0 ] do
                        yield digit * 10.0 ** float exponent

                yield 10.0 ** float highest
            |]

        create.CreateHistogram(name, help, HistogramConfiguration(Buckets = buckets))

    let intervals =
        counterBy "outcome" "opar_intervals_total" "Monitoring intervals that were offered, by what became of them."

    let decisions =
        counterBy "by" "opar_decisions_total" "Decisions, by what they came from."

    let latency =
        seconds -5 0 "opar_decision_latency_seconds" "From the metrics' arrival to the decision."

    let refit =
        seconds -4 1 "opar_refit_duration_seconds" "Time to re-estimate the system model."

    let nmae =
        lateGauge
            "opar_model_nmae_ratio"
            "Mean absolute error of the system model's predictions over the mean response time."

    let rows =
        lateGauge "opar_model_rows" "Measurements that the system model was fitted to."

    let age =
        lateGauge "opar_model_age_intervals" "Intervals since the last one that the system model was fitted to."

    let lag =
        lateGauge
            "opar_metrics_lag_intervals"
            "Intervals by which response times are thought to lag behind the configuration that they are reported with."

    let detections =
        counter "opar_detections_total" "Changes of the managed system that were noticed."

    let fallbacks =
        counterBy "reason" "opar_fallbacks_total" "Decisions that were not left to rollout, by reason."

    let rules =
        counterBy "rule" "opar_guard_rules_fired_total" "Times that a rule of the guard changed a decision."

    let quarantined =
        counterBy "kind" "opar_quarantined_total" "Elements that were put into quarantine, by kind of fault."

    let stages =
        create.CreateHistogram(
            "opar_stage_duration_seconds",
            "Time that each stage of the control cycle takes for an interval.",
            [| "stage" |],
            HistogramConfiguration(Buckets = [| for exponent in -6 .. 1 -> 10.0 ** float exponent |])
        )

    let stageOf = ConcurrentDictionary<string, Histogram.Child>()

    let queue = gauge "opar_queue_depth" "Intervals that wait for the control cycle."

    let violations =
        counterBy
            "service"
            "opar_slo_violations_total"
            "Intervals in which a service missed its objective: the bound of its mean response time, or of the share of requests it may lose."

    let outages =
        create.CreateGauge(
            "opar_outage_seconds",
            "For how long a service has been offered requests and answered none; 0: it answers.",
            [| "service" |]
        )

    /// One per service or control, of which nothing is known until it is first set.
    let lateGaugeBy (label: string) name (help: string) =
        create.CreateGauge(name, help, [| label |], GaugeConfiguration(SuppressInitialValue = true))

    let responseTimes =
        lateGaugeBy "service" "opar_response_time_seconds" "Mean response time of a service in the last interval."

    let bounds =
        lateGaugeBy "service" "opar_response_time_bound_seconds" "Bound of a service's mean response time."

    let inForce =
        lateGaugeBy "control" "opar_control_in_force" "Value of a control in the last interval: cores, or a share."

    let reward =
        lateGauge "opar_reward" "Reward of the last interval of which it is known."

    let lastInterval =
        lateGauge "opar_last_interval_timestamp_seconds" "End of the last interval that was taken in."

    let sourceFailures =
        counter "opar_source_failures_total" "Times that the source of metrics could not be reached or did not answer."

    let deliveries =
        counterBy "outcome" "opar_deliveries_total" "Decisions that were to be delivered, by what became of them."

    let faultyDecisions =
        counter "opar_decision_faults_total" "Times that deciding failed, which is a fault of the program."

    let journalWritable =
        lateGauge "opar_journal_writable" "Whether the journal can be written: 1, or 0."

    let turnedAway =
        counterBy "reason" "opar_connections_turned_away_total" "Connections that had to end for others, by reason."

    let turnedAwayWord =
        function
        | TurnedAway.Idle -> "idle"
        | TurnedAway.ProbesOnly -> "probes_only"

    let outcomeWord =
        function
        | Outcome.Accepted -> "accepted"
        | Outcome.AlreadyKnown -> "already_known"
        | Outcome.Quarantined _ -> "quarantined"
        | Outcome.Busy -> "busy"

    let decidedWord =
        function
        | DecidedBy.Rollout -> "rollout"
        | DecidedBy.BasePolicy -> "base"
        | DecidedBy.Probe -> "probe"
        | DecidedBy.Nobody -> "hold"

    let fallbackWord =
        function
        // The last model is planned with, or what was lost is learned.
        | CycleError.IncompleteMetrics _
        | CycleError.RequestsLost _
        | CycleError.Outage _ -> ValueNone
        | CycleError.UnusableMetrics _ -> ValueSome "unusable_metrics"
        | CycleError.Settling -> ValueSome "settling"
        | CycleError.TooFewSamples _ -> ValueSome "too_few_samples"
        | CycleError.UnusableModel _ -> ValueSome "unusable_model"
        | CycleError.StageFailed _ -> ValueSome "stage_failed"

    // What can be listed is there from the start, at 0: a rate needs a value to start from.
    do
        for outcome in [ Outcome.Accepted; Outcome.AlreadyKnown; Outcome.Quarantined ""; Outcome.Busy ] do
            intervals.WithLabels [| outcomeWord outcome |] |> ignore

        for by in [ DecidedBy.Rollout; DecidedBy.BasePolicy; DecidedBy.Probe; DecidedBy.Nobody ] do
            decisions.WithLabels [| decidedWord by |] |> ignore

        for service in services do
            violations.WithLabels [| service |] |> ignore
            outages.WithLabels [| service |] |> ignore

        for kind in Quarantine.Kinds do
            quarantined.WithLabels [| Quarantine.Word kind |] |> ignore

        for fate in Fate.All do
            deliveries.WithLabels [| fate.Word |] |> ignore

        for reason in [ TurnedAway.Idle; TurnedAway.ProbesOnly ] do
            turnedAway.WithLabels [| turnedAwayWord reason |] |> ignore

    /// An interval was offered.
    member _.Offered(outcome: Outcome) =
        intervals.WithLabels([| outcomeWord outcome |]).Inc()

    /// A decision was taken, so long after its metrics arrived.
    member _.Decided(by: DecidedBy, latencyOfIt: TimeSpan) =
        decisions.WithLabels([| decidedWord by |]).Inc()
        latency.Observe latencyOfIt.TotalSeconds

    /// A stage has taken so long for an interval.
    member _.StageTook(stage: string, duration: TimeSpan) =
        stageOf.GetOrAdd(stage, (fun stage -> stages.WithLabels [| stage |])).Observe duration.TotalSeconds

    /// A system model was fitted to so many measurements.
    member _.Refitted(duration: TimeSpan, measurements: int) =
        refit.Observe duration.TotalSeconds
        rows.Set(float measurements)

    /// The NMAE of the system model's predictions, as a ratio.
    member _.ModelError(ratio: float) = nmae.Set ratio

    /// Intervals since the last one that the model in use was fitted to.
    member _.ModelAge(intervals: int) = age.Set(float intervals)

    /// Response times are thought to be so many intervals old.
    member _.Lag(intervals: int) = lag.Set(float intervals)

    /// The managed system was seen to change.
    member _.ChangeDetected() = detections.Inc()

    /// Something kept a decision from rollout, if this does: planning goes on with incomplete metrics.
    member _.FellBack(reason: CycleError) =
        fallbackWord reason
        |> ValueOption.iter (fun word -> fallbacks.WithLabels([| word |]).Inc())

    /// A rule of the guard changed a decision.
    member _.RuleFired(fired: FiredRule) =
        rules.WithLabels([| fired.Rule |]).Inc()

    /// An element was put into quarantine.
    member _.Quarantined(kind: FaultKind) =
        quarantined.WithLabels([| Quarantine.Word kind |]).Inc()

    /// So many intervals wait for the control cycle.
    member _.QueueDepth(waiting: int) = queue.Set(float waiting)

    /// A service (from 0) missed its objective in an interval.
    member _.ObjectiveMissed(service: int) =
        violations.WithLabels([| services[service] |]).Inc()

    /// The bound of a service (from 0), in seconds.
    member _.Bound(service: int, seconds: float) =
        bounds.WithLabels([| services[service] |]).Set seconds

    /// What a service (from 0) has measured in the last interval, in seconds.
    member _.ResponseTime(service: int, seconds: float) =
        responseTimes.WithLabels([| services[service] |]).Set seconds

    /// The value of a control in the last interval.
    member _.InForce(control: string, value: float) =
        inForce.WithLabels([| control |]).Set value

    /// The reward of the last interval of which it is known.
    member _.Reward(value: float) = reward.Set value

    /// An interval that ended then was taken in.
    member _.LastInterval(ended: DateTimeOffset) =
        lastInterval.Set(float (ended.ToUnixTimeMilliseconds()) / 1000.0)

    /// A service (from 0) has answered nothing for so many seconds; 0: it answers.
    member _.Outage(service: int, seconds: float) =
        outages.WithLabels([| services[service] |]).Set seconds

    /// The source of metrics could not be reached, or gave no answer.
    member _.SourceFailed() = sourceFailures.Inc()

    /// What became of a decision that was to be delivered; once for each.
    member _.Delivery(fate: Fate) =
        deliveries.WithLabels([| fate.Word |]).Inc()

    /// Deciding on an interval failed.
    member _.DecidingFailed() = faultyDecisions.Inc()

    /// Whether the journal can be written.
    member _.JournalWritable(isWritable: bool) =
        journalWritable.Set(if isWritable then 1.0 else 0.0)

    /// A connection had to end for others.
    member _.TurnedAway(reason: TurnedAway) =
        turnedAway.WithLabels([| turnedAwayWord reason |]).Inc()

    /// Writes all of them in the text format of Prometheus.
    member _.Write(stream: Stream, cancellation: CancellationToken) =
        registry.CollectAndExportAsTextAsync(stream, cancellation)
