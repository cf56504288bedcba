namespace OnlinePolicyAdaptation.Service

open System
open System.Collections.Generic
open System.Diagnostics
open System.Text
open System.Threading
open System.Threading.Tasks
open Akka
open Akka.Streams.Dsl
open OnlinePolicyAdaptation.ControlCycle

/// What an onlooker is called with as it happens.
type Watch =
    {
        /// A decision that is on the disk, the time from its interval's arrival until then, and what its stages took.
        Decided: Decision -> TimeSpan -> Passing -> unit
        Refitted: JournalModel -> unit
        /// A refit beside the decisions that went wrong; the last model stays.
        RefitFailed: string -> unit
        Quarantined: Fault -> unit
        AlreadyKnown: unit -> unit
        Commanded: Command -> unit
        /// The journal cannot be written, and why; none: it can again.
        JournalState: string voption -> unit
        /// What became of a decision that was to be delivered, and why.
        Delivery: Outgoing -> Fate -> string -> unit
    }

/// What has happened since the start.
type Counts =
    {
        Decisions: int64
        Refits: int64
        Quarantined: int64
        AlreadyKnown: int64
    }

/// What the journal stage writes, and where.
type JournalOptions =
    {
        Cycle: Cycle
        /// Names the controller in idempotency keys.
        Name: string
        Vocabulary: Vocabulary
        Journal: Journal voption
        /// Cycles that the journal keeps.
        Retention: int
        Quarantine: Quarantine voption
        Watch: Watch
        Time: TimeProvider
        /// Ends the wait for a journal that cannot be written: what waits for it is lost, and was answered by nobody.
        GiveUp: CancellationToken
    }

/// Everything an element leads to is on the disk before it goes on. Elements that come while a transaction is written go into
/// the next one. While the journal cannot be written nothing goes on, and the source is held back.
[<Sealed>]
type JournalStage(options: JournalOptions, start: CycleState) =
    let cycle = options.Cycle

    /// Replaying takes at most so many refits, or so many cycles.
    let refitsBetweenCheckpoints = 25
    let cyclesBetweenCheckpoints = 10_000

    let mutable refitsSinceCheckpoint = 0
    let mutable lastCheckpoint = Cycle.number cycle start
    /// However soon a process ends again, the next one need not replay what this one did.
    let mutable hasCheckpoint = false

    let mutable counts =
        {
            Decisions = 0L
            Refits = 0L
            Quarantined = 0L
            AlreadyKnown = 0L
        }

    let text (bytes: byte[]) = Encoding.UTF8.GetString bytes

    let entry (decided: DecidedInterval) : JournalEntry =
        {
            Cycle = decided.Taken.Cycle
            Time = decided.Taken.Interval.Time
            Position = decided.Taken.Arrival.Position
            Interval = text (IntervalJson.write options.Vocabulary decided.Taken.Interval)
            Decision = decided.Outgoing.Text
        }

    let model fittedAt installedAt (samples: int) (duration: TimeSpan) error : JournalModel =
        {
            FittedAt = fittedAt
            InstalledAt = installedAt
            Samples = samples
            RefitSeconds = duration.TotalSeconds
            Error = error
        }

    /// The model that was put in place with this element.
    let installed (kept: Kept) =
        match kept.Element with
        | Element.Interval(taken, ({ Refit = ValueSome(Ok version) } as decision)) ->
            ValueSome(
                model
                    taken.Cycle
                    taken.Cycle
                    version.Samples
                    (Chain.durationOf Estimate.name kept.Passing)
                    decision.Error
            )
        | Element.Event(Event.Refitted {
                                           Model = Ok fitted
                                           FittedAt = fittedAt
                                           Duration = duration
                                       }) ->
            let state = Cycle.stateOf kept.Passing

            ValueSome(
                model
                    fittedAt
                    (Cycle.number cycle state)
                    fitted.Estimate.Samples
                    duration
                    (PredictionErrors.nmae (Cycle.estimator cycle state).Errors)
            )
        | _ -> ValueNone

    let isCheckpointDue state =
        options.Journal.IsSome
        && (not hasCheckpoint
            || refitsSinceCheckpoint >= refitsBetweenCheckpoints
            || Cycle.number cycle state - lastCheckpoint >= cyclesBetweenCheckpoints)

    /// A model comes back from a checkpoint as it was if nothing has been measured since it was fitted. What is being fitted
    /// beside began from a state that a later checkpoint does not hold. Where refits take longer than intervals, something
    /// always has been measured: rather than none, there is a checkpoint then from which Q-factors come back a little off.
    let isWhole state =
        let estimate = Cycle.estimator cycle state

        not estimate.IsRefitting
        && (estimate.Estimator.Pending = 0
            || (cycle.Settings.Clock = Clock.RealTime
                && refitsSinceCheckpoint >= 4 * refitsBetweenCheckpoints))

    /// The checkpoint after the last of these elements, if one is due.
    let checkpoint (batch: List<Kept>) =
        let state = Cycle.stateOf batch[batch.Count - 1].Passing

        if isCheckpointDue state && isWhole state then
            hasCheckpoint <- true
            refitsSinceCheckpoint <- 0
            lastCheckpoint <- Cycle.number cycle state
            ValueSome(struct (lastCheckpoint, Checkpoint.write cycle state))
        else
            ValueNone

    let quarantine (arrival: Arrival) (fault: Fault) =
        let element =
            match arrival.Content with
            | Ok interval -> text (IntervalJson.write options.Vocabulary interval)
            | Error _ -> arrival.Text

        options.Quarantine
        |> ValueOption.iter (fun file -> file.Add(options.Time.GetUtcNow(), arrival.Position, fault, element))

    /// Writes until it is written, waiting longer from time to time.
    let commit (journal: Journal) entries models checkpoint =
        task {
            let mutable pause = TimeSpan.FromSeconds 0.1
            let mutable isWritten = false
            let mutable hasFailed = false

            while not isWritten do
                match journal.TryCommit(entries, models, checkpoint, options.Retention) with
                | Ok() -> isWritten <- true
                | Error reason ->
                    hasFailed <- true
                    options.Watch.JournalState(ValueSome reason)
                    do! Task.Delay(pause, options.Time, options.GiveUp)
                    pause <- min (2.0 * pause) (TimeSpan.FromSeconds 5.0)

            if hasFailed then
                options.Watch.JournalState ValueNone
        }

    /// Says what has become of an element, now that it is on the disk.
    let announce (kept: Kept) =
        let reply (arrival: Arrival) outcome =
            arrival.Reply |> ValueOption.iter (fun reply -> reply outcome)

        match kept.Element with
        | Element.Interval(taken, decision) ->
            counts <-
                { counts with
                    Decisions = counts.Decisions + 1L
                }

            options.Watch.Decided decision (options.Time.GetElapsedTime taken.Arrival.Received) kept.Passing
            reply taken.Arrival Outcome.Accepted
        | Element.Event(Event.Rejected(arrival, fault)) ->
            counts <-
                { counts with
                    Quarantined = counts.Quarantined + 1L
                }

            options.Watch.Quarantined fault
            reply arrival (Outcome.Quarantined fault.Reason)
        | Element.Event(Event.AlreadyKnown arrival) ->
            counts <-
                { counts with
                    AlreadyKnown = counts.AlreadyKnown + 1L
                }

            options.Watch.AlreadyKnown()
            reply arrival Outcome.AlreadyKnown
        | Element.Event(Event.Refitted { Model = Error error }) ->
            options.Watch.RefitFailed(DecisionJson.error options.Vocabulary.Topology.Services error)
        | Element.Event(Event.Commanded command) -> options.Watch.Commanded command
        | Element.Event(Event.Refitted _ | Event.Failed _) -> ()

    /// What a batch leads to, ready to be written.
    let prepare (batch: List<Kept>) =
        let entries = List<JournalEntry>()
        let models = List<JournalModel>()

        for kept in batch do
            kept.Decided |> ValueOption.iter (fun decided -> entries.Add(entry decided))
            installed kept |> ValueOption.iter models.Add

            match kept.Element with
            | Element.Event(Event.Rejected(arrival, fault)) -> quarantine arrival fault
            | _ -> ()

        refitsSinceCheckpoint <- refitsSinceCheckpoint + models.Count

        counts <-
            { counts with
                Refits = counts.Refits + int64 models.Count
            }

        options.Quarantine |> ValueOption.iter _.Flush()
        struct (entries, models)

    let finish (models: List<JournalModel>) (batch: List<Kept>) =
        models |> Seq.iter options.Watch.Refitted
        batch |> Seq.iter announce
        batch

    /// Transactions that follow each other closely are fewer and larger; a single one does not wait.
    let spacing = TimeSpan.FromMilliseconds 3.0
    let mutable lastCommit = Int64.MinValue / 2L

    let space () =
        task {
            let wait = spacing - Stopwatch.GetElapsedTime lastCommit

            if wait > TimeSpan.Zero then
                do! Task.Delay(wait, options.GiveUp)

            lastCommit <- Stopwatch.GetTimestamp()
        }

    /// On a thread of its own: meanwhile the stages go on, and what they give goes into the next transaction.
    let keepIn journal (batch: List<Kept>) =
        Task.Run<List<Kept>>(fun () ->
            task {
                let struct (entries, models) = prepare batch
                let checkpoint = checkpoint batch

                if entries.Count > 0 || models.Count > 0 then
                    do! space ()
                    do! commit journal entries models checkpoint

                return finish models batch
            })

    let keepNowhere kept =
        let batch = List [ kept ]
        let struct (_, models) = prepare batch
        finish models batch |> ignore
        kept

    /// Elements in one transaction.
    let atOnce = 256L

    member _.Flow: Flow<Passing, Kept, NotUsed> =
        let kept =
            Flow.Create<Passing>().Select(Kept.ofPassing options.Name options.Vocabulary cycle)

        match options.Journal with
        | ValueNone -> kept.Select keepNowhere
        | ValueSome journal ->
            kept
                .Batch(
                    atOnce,
                    (fun kept -> List [ kept ]),
                    (fun batch kept ->
                        batch.Add kept
                        batch)
                )
                .SelectAsync(1, keepIn journal)
                .SelectMany(fun batch -> batch :> Kept seq)

    member _.Counts = counts
