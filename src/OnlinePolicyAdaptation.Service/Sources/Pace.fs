namespace OnlinePolicyAdaptation.Service

open System
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.ControlCycle

/// How fast recorded or simulated intervals come.
[<RequireQualifiedAccess>]
type Pace =
    /// As fast as they are decided on.
    | Unlimited
    /// So many times as fast as they were measured; above 0.
    | Times of speed: float

/// Waits of any length.
[<RequireQualifiedAccess>]
module Waiting =

    /// Timers take weeks at most.
    let private atOnce = TimeSpan.FromDays 1.0

    /// Waits until a monotonic clock has gone so far since a timestamp.
    let until (time: TimeProvider) (began: int64) (due: TimeSpan) (cancellation: CancellationToken) : Task =
        task {
            let left () = due - time.GetElapsedTime began
            let mutable wait = left ()

            while wait > TimeSpan.Zero do
                do! Task.Delay(min wait atOnce, time, cancellation)
                wait <- left ()
        }

/// Waits for the moments at which intervals are due, by a clock: a delay of one does not delay the others.
type Metronome(pace: Pace, interval: TimeSpan, time: TimeProvider) =
    let began = time.GetTimestamp()
    let mutable beats = 0.0

    /// Waits until the next interval has passed.
    member _.Next(cancellation: CancellationToken) : Task =
        task {
            beats <- beats + 1.0

            match pace with
            | Pace.Unlimited -> ()
            | Pace.Times speed ->
                let seconds = interval.TotalSeconds * beats / speed
                // What is more than centuries away never comes.
                let due = TimeSpan.FromSeconds(min seconds 1e10)
                do! Waiting.until time began due cancellation
        }

/// Ends of recorded and simulated intervals.
[<RequireQualifiedAccess>]
module IntervalEnd =

    let private beginning = DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero)

    /// Of the interval of a number that nothing says a time of. In lockstep so many interval lengths after the first of 2000, so
    /// that it is the same in every replay; in real time now.
    let ofPosition clock (interval: TimeSpan) (time: TimeProvider) (position: int64) =
        match clock with
        | Clock.Lockstep -> beginning + interval * float position
        | Clock.RealTime -> time.GetUtcNow()

    /// The same, of an interval that was recorded at a time, or at none: in lockstep that time; in real time now, for it is
    /// played as if it were measured now.
    let ofRecorded clock interval (time: TimeProvider) position (recorded: Nullable<DateTimeOffset>) =
        match clock with
        | Clock.Lockstep when recorded.HasValue -> recorded.Value
        | _ -> ofPosition clock interval time position
