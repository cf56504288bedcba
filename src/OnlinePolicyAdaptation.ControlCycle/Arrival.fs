namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Network

/// What became of an element of a stream of metrics.
[<RequireQualifiedAccess>]
type Outcome =
    /// It was taken in: journaled and decided on.
    | Accepted
    /// An interval of this time was taken in before, in this run of the controller or an earlier one. A poster who repeats
    /// itself gets the same answer, whether or not the controller was started anew in between.
    | AlreadyKnown
    /// It cannot be used.
    | Quarantined of reason: string
    /// Not taken in: it should be sent again later.
    | Busy

/// What whoever gave an element is told of it, once that is on the disk.
type Answer =
    {
        Outcome: Outcome
        /// The decision on its interval as it goes out, a line of JSON, though an earlier element brought the interval; none
        /// where there is none, or it is not at hand any more.
        Decision: Lazy<string> voption
    }

/// An element of a source of metrics, good or bad.
type Arrival =
    {
        /// Its number in the source, from 0, growing.
        Position: int64
        Content: Result<Interval, Fault>
        /// The element as it came, where it is bad.
        Text: string
        /// When it came: a timestamp of the source's clock.
        Received: int64
        /// Called once that is on the disk which it has led to.
        Reply: (Answer -> unit) voption
    }

[<RequireQualifiedAccess>]
module Arrival =

    let private beginning = DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero)

    /// What a system without a clock has measured: its intervals are so many seconds from the first of 2000 on.
    let ofMetrics (position: int) (metrics: Metrics) =
        {
            Position = int64 position
            Content =
                Ok(
                    Interval(
                        beginning + TimeSpan.FromSeconds(5.0 * float position),
                        metrics.Configuration,
                        metrics.Services
                    )
                )
            Text = ""
            Received = 0L
            Reply = ValueNone
        }
