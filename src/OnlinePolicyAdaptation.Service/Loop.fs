namespace OnlinePolicyAdaptation.Service

open System
open System.Collections.Generic
open System.Text
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// A model that was fitted beside the decisions.
type FittedBeside =
    {
        FittedAt: int
        Fitted: Result<FittedModel, CycleError>
        /// With plans for the load at the time.
        Planned: CycleState
        Seconds: float
    }

[<RequireQualifiedAccess>]
type Event =
    | Arrived of Arrival[]
    | Fitted of FittedBeside

/// The controller at work: elements in, decisions out, both in the journal first. One event is handled after the other.
/// `start` is the state to go on from.
type Loop(options: LoopOptions, start: ControllerState, refitted: FittedBeside -> unit) =
    let controller = options.Controller
    let time = options.Time
    /// Intervals up to here are in the journal; a source that begins anew sends them again.
    let known = start.LastTime

    let mutable state = start
    let mutable isRefitting = false
    let mutable isPlanningLate = false
    let mutable delivered = start.Cycle.Cycle - 1
    let mutable refitsSinceCheckpoint = 0
    let mutable lastCheckpoint = start.Cycle.Cycle
    let mutable checkpoint: struct (int * byte[]) voption = ValueNone
    /// However soon a process ends again, the next one need not replay what this one did.
    let mutable hasCheckpoint = false

    let mutable counts =
        {
            Decisions = 0L
            Refits = 0L
            Quarantined = 0L
            AlreadyKnown = 0L
            Undelivered = 0L
        }

    let entries = ResizeArray<JournalEntry>()
    let models = ResizeArray<JournalModel>()
    let outgoing = ResizeArray<Outgoing>()
    let replies = ResizeArray<unit -> unit>()
    let decided = ResizeArray<struct (Decision * int64)>()

    /// Replaying takes at most so many refits, or so many cycles.
    let refitsBetweenCheckpoints = 25
    let cyclesBetweenCheckpoints = 10_000

    let seconds (since: int64) = time.GetElapsedTime(since).TotalSeconds

    let installed (fitted: Result<FittedModel, CycleError>) fittedAt refitSeconds =
        match fitted with
        | Ok model ->
            let journaled =
                {
                    FittedAt = fittedAt
                    InstalledAt = state.Cycle.Cycle
                    Samples = model.Estimate.Samples
                    RefitSeconds = refitSeconds
                    Error = PredictionErrors.nmae state.Errors
                }

            refitsSinceCheckpoint <- refitsSinceCheckpoint + 1
            models.Add journaled

            counts <-
                { counts with
                    Refits = counts.Refits + 1L
                }

            options.Watch.Refitted journaled
        | Error _ -> ()

    /// The plans for the load at the time, if they can be made; decisions make theirs anyway.
    let plannedAhead (snapshot: ControllerState) (noted: Noted) fitted =
        match noted.Observed with
        | Ok observed ->
            try
                Cycle.install fitted snapshot.Cycle
                |> Cycle.planAhead controller.Settings observed.Loads
            with _ ->
                snapshot.Cycle
        | Error _ -> snapshot.Cycle

    /// A model of the snapshot. What goes wrong with it is told and must not be the end of refitting.
    let tryRefit (snapshot: ControllerState) =
        try
            Controller.refit controller snapshot
        with e ->
            let reason = e.GetBaseException().Message
            options.Watch.RefitFailed reason
            Error(CycleError.UnusableModel reason)

    let refitBeside (snapshot: ControllerState) (noted: Noted) =
        isRefitting <- true

        Task.Run(fun () ->
            let began = time.GetTimestamp()
            let fitted = tryRefit snapshot

            refitted
                {
                    FittedAt = snapshot.Cycle.Cycle
                    Fitted = fitted
                    Planned = plannedAhead snapshot noted fitted
                    Seconds = seconds began
                })
        |> ignore

    /// The plan, or the base policy's action where it does not come in time; nobody waits for a late plan.
    let planInTime (current: ControllerState) noted =
        task {
            if isPlanningLate then
                return struct (Controller.planByBasePolicy controller current noted, true)
            else
                let planning = Task.Run(fun () -> Controller.plan controller current noted)

                try
                    let! planned = planning.WaitAsync(options.Deadline, time)
                    return struct (planned, false)
                with :? TimeoutException ->
                    isPlanningLate <- true

                    planning.ContinueWith(fun (_: Task<_>) -> Volatile.Write(&isPlanningLate, false))
                    |> ignore

                    return struct (Controller.planByBasePolicy controller current noted, true)
        }

    /// The model refitted before the decision, and what is to be done about that once the interval is taken in.
    let refitNow (observed: ControllerState) =
        let began = time.GetTimestamp()
        let struct (current, fitted) = Controller.refitted controller observed
        let refitSeconds = seconds began
        struct (current, (fun () -> installed fitted observed.Cycle.Cycle refitSeconds))

    /// The next state, the decision, and what else follows. Nothing has happened until then: should it fail, the interval is
    /// as if it had not come.
    let decide (interval: Interval) =
        task {
            let observed, noted = Controller.observe controller state interval
            let isDue = Controller.isRefitDue controller observed

            match options.Clock with
            | Clock.Lockstep ->
                let struct (current, follow) =
                    if isDue then
                        refitNow observed
                    else
                        struct (observed, ignore)

                let planned, record = Controller.plan controller current noted

                let next, decision =
                    Controller.guard controller planned interval.Time ValueNone false record

                return struct (next, decision, follow)
            | Clock.RealTime ->
                let struct (current, follow) =
                    if isDue && not isRefitting then
                        let struct (snapshot, begun) = Controller.beginRefit controller observed
                        struct (begun, (fun () -> refitBeside snapshot noted))
                    else
                        struct (observed, ignore)

                let! struct ((planned, record), late) = planInTime current noted
                let age = time.GetUtcNow() - interval.Time

                let next, decision =
                    Controller.guard controller planned interval.Time (ValueSome age) late record

                return struct (next, decision, follow)
        }

    let text (bytes: byte[]) = Encoding.UTF8.GetString bytes

    let quarantine (arrival: Arrival) (fault: Fault) =
        match options.Quarantine, arrival.Content with
        | ValueSome file, Ok interval ->
            let read = text (IntervalJson.write options.Vocabulary interval)
            file.Add(time.GetUtcNow(), arrival.Position, fault, read)
        | ValueSome file, Error _ -> file.Add(time.GetUtcNow(), arrival.Position, fault, arrival.Text)
        | ValueNone, _ -> ()

        counts <-
            { counts with
                Quarantined = counts.Quarantined + 1L
            }

        options.Watch.Quarantined fault

        arrival.Reply
        |> ValueOption.iter (fun reply -> replies.Add(fun () -> reply (Outcome.Quarantined fault.Reason)))

    /// A model comes back from a checkpoint as it was if nothing has been measured since it was fitted. What is being fitted
    /// beside began from a state that a later checkpoint does not hold. Where refits take longer than intervals, something
    /// always has been measured: rather than none, there is a checkpoint then from which Q-factors come back a little off.
    let isWhole () =
        match options.Clock with
        | Clock.Lockstep -> state.Cycle.Estimator.Pending = 0
        | Clock.RealTime ->
            not isRefitting
            && (state.Cycle.Estimator.Pending = 0
                || refitsSinceCheckpoint >= 4 * refitsBetweenCheckpoints)

    let isCheckpointDue () =
        options.Journal.IsSome
        && (not hasCheckpoint
            || refitsSinceCheckpoint >= refitsBetweenCheckpoints
            || state.Cycle.Cycle - lastCheckpoint >= cyclesBetweenCheckpoints)

    let makeCheckpoint () =
        if isCheckpointDue () && isWhole () then
            hasCheckpoint <- true
            refitsSinceCheckpoint <- 0
            lastCheckpoint <- state.Cycle.Cycle
            checkpoint <- ValueSome(struct (lastCheckpoint, ControllerCheckpoint.write controller.Settings state))

    let accept (arrival: Arrival) (interval: Interval) =
        task {
            let! struct (next, decision, follow) = decide interval

            let sent =
                {
                    Cycle = decision.Record.Cycle
                    IdempotencyKey = DecisionJson.idempotencyKey options.Name decision.Time
                    Mode = decision.Mode
                    Action = decision.Action
                    Target = decision.Target
                    Text = text (DecisionJson.write options.Name options.Vocabulary decision)
                }

            let entry =
                {
                    Cycle = sent.Cycle
                    Time = interval.Time
                    Position = arrival.Position
                    Interval = text (IntervalJson.write options.Vocabulary interval)
                    Decision = sent.Text
                }

            // Nothing can go wrong from here on: the state and the journal go together.
            follow ()
            state <- next
            entries.Add entry
            outgoing.Add sent
            decided.Add(struct (decision, arrival.Received))
            makeCheckpoint ()

            arrival.Reply
            |> ValueOption.iter (fun reply -> replies.Add(fun () -> reply Outcome.Accepted))
        }

    let isKnown (interval: Interval) =
        match known with
        | ValueSome last -> interval.Time <= last
        | ValueNone -> false

    let isEarly (interval: Interval) =
        options.Clock = Clock.RealTime
        && interval.Time - time.GetUtcNow() > TimeSpan.FromMinutes 1.0

    let take (arrival: Arrival) =
        task {
            match arrival.Content with
            | Error fault -> quarantine arrival fault
            | Ok interval when isKnown interval ->
                counts <-
                    { counts with
                        AlreadyKnown = counts.AlreadyKnown + 1L
                    }

                options.Watch.AlreadyKnown()

                arrival.Reply
                |> ValueOption.iter (fun reply -> replies.Add(fun () -> reply Outcome.AlreadyKnown))
            | Ok interval when isEarly interval ->
                quarantine
                    arrival
                    {
                        Kind = FaultKind.FromTheFuture
                        Reason = $"time: {interval.Time:O}; expected at most a minute later than now"
                    }
            | Ok interval ->
                match Controller.admit state interval with
                | Error fault -> quarantine arrival fault
                | Ok interval ->
                    // Whatever goes wrong with one element must not end the control of the system.
                    try
                        do! accept arrival interval
                    with e ->
                        quarantine
                            arrival
                            {
                                Kind = FaultKind.Poisonous
                                Reason = $"deciding failed: {e.GetBaseException().Message}"
                            }
        }

    let commit () =
        options.Quarantine |> ValueOption.iter _.Flush()

        match options.Journal with
        | ValueSome journal when entries.Count > 0 || models.Count > 0 ->
            journal.Commit(entries, models, checkpoint, delivered, options.Retention)
            checkpoint <- ValueNone
        | _ -> ()

        counts <-
            { counts with
                Decisions = counts.Decisions + int64 decided.Count
            }

        for struct (decision, received) in decided do
            options.Watch.Decided decision (time.GetElapsedTime received)

    /// A decision whose delivery the end of the work interrupts is delivered after the next start, as are those after it.
    let deliver (cancellation: CancellationToken) =
        task {
            if outgoing.Count > 0 && not cancellation.IsCancellationRequested then
                try
                    let! undelivered = options.Deliver outgoing cancellation
                    delivered <- outgoing[outgoing.Count - 1].Cycle

                    counts <-
                        { counts with
                            Undelivered = counts.Undelivered + int64 undelivered.Length
                        }

                    for struct (sent, reason) in undelivered do
                        options.Watch.Undelivered sent reason
                with :? OperationCanceledException when cancellation.IsCancellationRequested ->
                    ()
        }

    let clear () =
        entries.Clear()
        models.Clear()
        outgoing.Clear()
        replies.Clear()
        decided.Clear()

    /// Handles an event: everything it leads to is on the disk before it goes out.
    member _.Turn(event: Event, cancellation: CancellationToken) : Task =
        task {
            match event with
            | Event.Arrived arrivals ->
                for arrival in arrivals do
                    do! take arrival
            | Event.Fitted beside ->
                isRefitting <- false
                state <- Controller.install beside.Fitted state

                state <-
                    { state with
                        Cycle =
                            { state.Cycle with
                                Plans = beside.Planned.Plans
                            }
                    }

                installed beside.Fitted beside.FittedAt beside.Seconds
                makeCheckpoint ()

            commit ()

            for reply in replies do
                reply ()

            do! deliver cancellation
            clear ()
        }

    member _.Counts = counts

    /// Notes in the journal what has been delivered. Call it last.
    member _.Close() =
        match options.Journal with
        | ValueSome journal -> journal.Commit([], [], ValueNone, delivered, options.Retention)
        | ValueNone -> ()
