namespace OnlinePolicyAdaptation.ControlCycle

open System
open System.Collections.Immutable

/// Ends of the intervals that were taken in.
type Timeline =
    {
        /// The end of the last one.
        Last: DateTimeOffset voption
        /// Ends of the last ones, by which one that comes again is known; the oldest first.
        Ends: ImmutableQueue<int64>
        /// How many these are.
        Kept: int
        /// A time too far from the last one to be believed before another interval follows it.
        Doubted: DateTimeOffset voption
        /// Whether the last interval followed another one.
        IsFollowed: bool
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

    /// A clock this far ahead of ours is as good as ours.
    let private tolerance = TimeSpan.FromMinutes 1.0

    let start =
        {
            Last = ValueNone
            Ends = ImmutableQueue.Empty
            Kept = 0
            Doubted = ValueNone
            IsFollowed = false
        }

    let private fault kind reason : Fault = { Kind = kind; Reason = reason }

    /// An interval that is no later than the last: known, where it was taken in or is older than what is remembered.
    let private earlier timeline (time: DateTimeOffset) (last: DateTimeOffset) =
        if
            timeline.Ends |> Seq.contains time.UtcTicks
            || (timeline.Kept >= memory && time.UtcTicks < timeline.Ends.Peek())
        then
            Timing.Known
        else
            Timing.Doubtful(fault FaultKind.Backwards $"time: {time:O}; expected one after {last:O}")

    let private followsDoubted (settings: AdmissionSettings) timeline (time: DateTimeOffset) =
        match timeline.Doubted with
        | ValueSome doubted -> time > doubted && time - doubted <= settings.MaximumGap
        | ValueNone -> false

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

            if
                step.Duration() <= settings.MaximumGap
                || (step < TimeSpan.Zero && timeline.IsFollowed)
            then
                if step > TimeSpan.Zero then
                    Timing.New ValueNone
                else
                    earlier timeline time last
            elif followsDoubted settings timeline time then
                Timing.New(ValueSome step)
            else
                match now with
                | ValueSome now when now - time <= tolerance && step > TimeSpan.Zero -> Timing.New(ValueSome step)
                | _ ->
                    Timing.Doubtful(
                        fault
                            FaultKind.Jump
                            $"time: {time:O}; expected one within {settings.MaximumGap} of the last, {last:O}. If the next interval goes on from here, it is taken"
                    )

    /// Once an interval that ends then was taken in.
    let after (time: DateTimeOffset) timeline =
        let ends, kept =
            if timeline.Kept >= memory then
                timeline.Ends.Dequeue(), timeline.Kept - 1
            else
                timeline.Ends, timeline.Kept

        {
            Last = ValueSome time
            Ends = ends.Enqueue time.UtcTicks
            Kept = kept + 1
            Doubted = ValueNone
            IsFollowed = ValueOption.isSome timeline.Last
        }
