namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Collections.Immutable

/// Ends of the intervals that were taken in.
type Timeline =
    {
        /// The end of the last one.
        Last: DateTimeOffset voption
        /// The latest of all ends, which is not that of the last one where the clock was put back.
        Latest: DateTimeOffset voption
        /// Ends of the last ones, by which one that comes again is known; the oldest first.
        Ends: ImmutableQueue<int64>
        /// How many these are.
        Kept: int
        /// Ends that go on from each other, and are too far from the last one to be believed yet; the newest first.
        Doubted: DateTimeOffset list
        /// When the last one was taken in, where that is known.
        Clock: DateTimeOffset voption
    }

/// What an interval is by its time.
[<RequireQualifiedAccess>]
type Timing =
    /// Taken in; the gap since the last one, where that is more than is usual.
    | New of gap: TimeSpan voption
    /// It was taken in before.
    | Known
    | Doubtful of Fault

/// Which intervals are new, by their times.
[<RequireQualifiedAccess>]
module Timeline =

    /// Ends of intervals that are remembered.
    let private memory = 1024

    /// So many intervals that go on from each other outweigh whatever was taken in before.
    let private enough = 4

    /// A clock this far ahead of ours is as good as ours.
    let private tolerance = TimeSpan.FromMinutes 1.0

    let start =
        {
            Last = ValueNone
            Latest = ValueNone
            Ends = ImmutableQueue.Empty
            Kept = 0
            Doubted = []
            Clock = ValueNone
        }

    let private fault kind reason : Fault = { Kind = kind; Reason = reason }

    let private isTakenIn timeline (time: DateTimeOffset) =
        match timeline.Latest with
        | ValueSome latest -> time <= latest && timeline.Ends |> Seq.contains time.UtcTicks
        | ValueNone -> false

    let private isOlderThanRemembered timeline (time: DateTimeOffset) =
        timeline.Kept >= memory && time.UtcTicks < timeline.Ends.Peek()

    /// Doubted ends once this one is doubted, too: those that it goes on from are kept, where it comes soon after the newest
    /// and at about their pace.
    let private doubts (settings: AdmissionSettings) timeline (time: DateTimeOffset) =
        let goesOn =
            match timeline.Doubted with
            | newest :: before :: _ ->
                let step, pace = time - newest, newest - before
                step <= 2.0 * pace && pace <= 2.0 * step && step <= settings.MaximumGap
            | [ newest ] -> time > newest && time - newest <= settings.MaximumGap
            | [] -> false

        if goesOn then time :: timeline.Doubted else [ time ]

    /// So many doubted intervals outweigh those that were taken in: one more than these, and `enough` in any case.
    let private needed timeline = min enough (timeline.Kept + 1)

    /// Whether our clock has been put back since the last interval was taken in.
    let private isPutBack timeline (now: DateTimeOffset) (last: DateTimeOffset) =
        last - now > tolerance
        || (match timeline.Clock with
            | ValueSome clock -> now < clock
            | ValueNone -> false)

    /// What an interval is that ends then and arrives now, where it is known when that is.
    let judge (settings: AdmissionSettings) timeline (now: DateTimeOffset voption) (time: DateTimeOffset) =
        match now, timeline.Last with
        | ValueSome now, _ when time - now > tolerance ->
            Timing.Doubtful(
                fault FaultKind.FromTheFuture $"time: {time:O}; expected at most a minute later than now, {now:O}"
            )
        | _, ValueNone -> Timing.New ValueNone
        | _, ValueSome last ->
            let step = time - last
            let isLater = step > TimeSpan.Zero
            let isNear = step.Duration() <= settings.MaximumGap

            let clockAgrees =
                match now with
                | ValueSome now -> now - time <= tolerance && (isLater || isPutBack timeline now last)
                | ValueNone -> false

            if isTakenIn timeline time then
                Timing.Known
            elif isLater && isNear then
                Timing.New ValueNone
            elif clockAgrees then
                Timing.New(ValueSome step)
            elif not isLater && isOlderThanRemembered timeline time then
                Timing.Known
            elif not isLater && (isNear || timeline.Kept >= enough) then
                Timing.Doubtful(fault FaultKind.Backwards $"time: {time:O}; expected one after {last:O}")
            elif (doubts settings timeline time).Length >= needed timeline then
                Timing.New(ValueSome step)
            else
                Timing.Doubtful(
                    fault
                        FaultKind.Jump
                        $"time: {time:O}; expected one within {settings.MaximumGap} of the last, {last:O}. Where {needed timeline} intervals in a row go on from each other at an even pace, the last of them is taken"
                )

    /// The gap before an interval that was taken in.
    let gap (settings: AdmissionSettings) timeline (time: DateTimeOffset) =
        match timeline.Last with
        | ValueSome last when time < last || time - last > settings.MaximumGap -> ValueSome(time - last)
        | _ -> ValueNone

    /// Once the time of an interval was found to jump.
    let doubting settings (time: DateTimeOffset) timeline =
        { timeline with
            Doubted = doubts settings timeline time |> List.truncate enough
        }

    /// Once an interval that ends then was taken in.
    let after (now: DateTimeOffset voption) (time: DateTimeOffset) timeline =
        let ends, kept =
            if timeline.Kept >= memory then
                timeline.Ends.Dequeue(), timeline.Kept - 1
            else
                timeline.Ends, timeline.Kept

        {
            Last = ValueSome time
            Latest =
                match timeline.Latest with
                | ValueSome latest when latest > time -> ValueSome latest
                | _ -> ValueSome time
            Ends = ends.Enqueue time.UtcTicks
            Kept = kept + 1
            Doubted = []
            Clock = now
        }

    /// A time that was remembered before the clock was put back, or on, by so much.
    let moved (step: TimeSpan) (time: DateTimeOffset) =
        if step.Ticks < -time.UtcTicks then
            DateTimeOffset.MinValue
        else
            time + step
