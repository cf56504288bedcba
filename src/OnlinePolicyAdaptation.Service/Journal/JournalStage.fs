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

/// A refit beside the decisions that went wrong; the last model stays.
type RefitTrouble =
    {
        Reason: string
        /// Where it is a fault of the program.
        Failure: StageFailure voption
    }

/// Called when something has happened, for logs and metrics.
type Watch =
    {
        /// A decision that is on the disk, the time from its interval's arrival until then, and how long its stages took.
        Decided: Decision -> TimeSpan -> (struct (string * TimeSpan)) list -> unit
        Refitted: JournalModel -> unit
        RefitFailed: RefitTrouble -> unit
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
        SystemDescription: SystemDescription
        Journal: Journal voption
        /// Cycles that the journal keeps.
        Retention: int
        Quarantine: Quarantine voption
        Watch: Watch
        Time: TimeProvider
        /// Ends the wait for a journal that cannot be written: what waits for it is lost; no poster had an answer for it.
        GiveUp: CancellationToken
    }

/// Elements that are written together, and the states that the stages had after the last of them.
[<Sealed>]
type private Batch(first: Kept, state: CycleState) =
    member val Elements = List [ first ]
    member val State = state with get, set

    member batch.Add(kept: Kept, state: CycleState) =
        batch.Elements.Add kept
        batch.State <- state
        batch

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
            Interval = text (IntervalJson.write options.SystemDescription decided.Taken.Interval)
            Decision = decided.Outgoing.Text
        }

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

    /// The checkpoint of a state, if one is due.
    let checkpoint state =
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
            | Ok interval -> text (IntervalJson.write options.SystemDescription interval)
            | Error _ -> arrival.Text

        options.Quarantine
        |> ValueOption.iter (fun file -> file.Add(options.Time.GetUtcNow(), arrival.Position, fault, element))

    /// Writes until it is written, waiting longer from time to time.
    let commit (journal: Journal) transaction =
        task {
            let mutable pause = TimeSpan.FromSeconds 0.1
            let mutable isWritten = false
            let mutable hasFailed = false

            while not isWritten do
                match journal.TryCommit(transaction, options.Retention) with
                | Ok() -> isWritten <- true
                | Error reason ->
                    hasFailed <- true
                    options.Watch.JournalState(ValueSome reason)
                    do! Task.Delay(pause, options.Time, options.GiveUp)
                    pause <- min (2.0 * pause) (TimeSpan.FromSeconds 5.0)

            if hasFailed then
                options.Watch.JournalState ValueNone
        }

    /// The last interval that was decided on, and its decision as it went out.
    let mutable last =
        options.Journal
        |> ValueOption.bind (fun journal ->
            journal.Entries(Cycle.number cycle start - 1, Int32.MaxValue)
            |> Seq.tryLast
            |> ValueOption.ofOption)
        |> ValueOption.map (fun entry -> struct (entry.Time, lazy entry.Decision))

    /// The decision that a repeated interval has led to. Who did not get the answer asks again before anything else.
    let decisionAgain (arrival: Arrival) =
        match arrival.Content, last with
        | Ok interval, ValueSome(struct (time, decision)) when interval.Time = time -> ValueSome decision
        | _ -> ValueNone

    /// Says what has become of an element, now that it is on the disk.
    let announce (kept: Kept) =
        let reply (arrival: Arrival) outcome decision =
            arrival.Reply
            |> ValueOption.iter (fun reply ->
                reply
                    {
                        Outcome = outcome
                        Decision = decision
                    })

        match kept.Element with
        | Element.Interval(taken, decision) ->
            counts <-
                { counts with
                    Decisions = counts.Decisions + 1L
                }

            options.Watch.Decided decision (options.Time.GetElapsedTime taken.Arrival.Received) kept.Durations

            let decision = kept.Decided |> ValueOption.map _.Outgoing.Line
            last <- decision |> ValueOption.map (fun line -> struct (taken.Interval.Time, line))
            reply taken.Arrival Outcome.Accepted decision
        | Element.Event(Event.Rejected(arrival, fault)) ->
            counts <-
                { counts with
                    Quarantined = counts.Quarantined + 1L
                }

            options.Watch.Quarantined fault
            reply arrival (Outcome.Quarantined fault.Reason) ValueNone
        | Element.Event(Event.AlreadyKnown arrival) ->
            counts <-
                { counts with
                    AlreadyKnown = counts.AlreadyKnown + 1L
                }

            options.Watch.AlreadyKnown()
            reply arrival Outcome.AlreadyKnown (decisionAgain arrival)
        | Element.Event(Event.Refitted {
                                           Model = Error error
                                           Failure = failure
                                       }) ->
            options.Watch.RefitFailed
                {
                    Reason = DecisionJson.error options.SystemDescription.Topology.Services error
                    Failure = failure
                }
        | Element.Event(Event.Commanded command) -> options.Watch.Commanded command
        | Element.Event(Event.Refitted _ | Event.Failed _) -> ()

    /// What a batch leads to, ready to be written.
    let prepare (batch: List<Kept>) =
        let entries = List<JournalEntry>()
        let models = List<JournalModel>()
        let commands = List<JournalCommand>()

        for kept in batch do
            if options.Journal.IsSome then
                kept.Decided |> ValueOption.iter (fun decided -> entries.Add(entry decided))

            kept.Model |> ValueOption.iter models.Add
            kept.Ordered |> ValueOption.iter commands.Add

            match kept.Element with
            | Element.Event(Event.Rejected(arrival, fault)) -> quarantine arrival fault
            | _ -> ()

        refitsSinceCheckpoint <- refitsSinceCheckpoint + models.Count

        counts <-
            { counts with
                Refits = counts.Refits + int64 models.Count
            }

        options.Quarantine |> ValueOption.iter _.Flush()
        struct (entries, models, commands)

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
    let keepIn journal (batch: Batch) =
        Task.Run<List<Kept>>(fun () ->
            task {
                let struct (entries, models, commands) = prepare batch.Elements

                let transaction =
                    {
                        Entries = entries
                        Models = models
                        Commands = commands
                        Checkpoint = checkpoint batch.State
                    }

                if entries.Count > 0 || models.Count > 0 || commands.Count > 0 then
                    do! space ()
                    do! commit journal transaction

                return finish models batch.Elements
            })

    let keepNowhere kept =
        let elements = List [ kept ]
        let struct (_, models, _) = prepare elements
        finish models elements |> ignore
        kept

    /// Elements in one transaction.
    let atOnce = 256L

    let kept = Kept.ofPassing options.Name options.SystemDescription cycle

    member _.Flow: Flow<Passing, Kept, NotUsed> =
        match options.Journal with
        | ValueNone -> Flow.Create<Passing>().Select(fun passing -> keepNowhere (kept passing))
        | ValueSome journal ->
            Flow
                .Create<Passing>()
                .Batch(
                    atOnce,
                    (fun passing -> Batch(kept passing, Cycle.stateOf passing)),
                    (fun batch passing -> batch.Add(kept passing, Cycle.stateOf passing))
                )
                .SelectAsync(1, keepIn journal)
                .SelectMany(fun batch -> batch :> Kept seq)

    member _.Counts = counts
