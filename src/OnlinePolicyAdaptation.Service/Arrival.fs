namespace OnlinePolicyAdaptation.Service

open System.Threading
open System.Threading.Tasks

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
        /// Told what became of it, once that is on the disk.
        Reply: (Outcome -> unit) voption
    }

/// Waits for the next elements of a source, of which there are some at once; none: the source has ended.
type Pull = CancellationToken -> Task<Arrival[]>
