namespace OnlinePolicyAdaptation.Tests

open System
open System.Collections.Concurrent
open System.Threading

/// A clock that runs this many times as fast, so that a test need not wait, and knows what it was asked to wait for.
type FastClock(factor: float) =
    inherit TimeProvider()

    let waits = ConcurrentQueue<TimeSpan>()
    let started = TimeProvider.System.GetTimestamp()
    let start = TimeProvider.System.GetUtcNow()

    let real (time: TimeSpan) =
        if time > TimeSpan.Zero then time / factor else time

    /// Every wait asked for, in order.
    member _.Waits = List.ofSeq waits

    override _.GetUtcNow() =
        start + TimeProvider.System.GetElapsedTime started * factor

    override _.GetTimestamp() =
        int64 (
            float TimeProvider.System.TimestampFrequency
            * TimeProvider.System.GetElapsedTime(started).TotalSeconds
            * factor
        )

    override _.CreateTimer(callback, state, dueTime, period) =
        waits.Enqueue dueTime

        let timer =
            TimeProvider.System.CreateTimer(callback, state, real dueTime, real period)

        { new ITimer with
            member _.Change(dueTime, period) =
                waits.Enqueue dueTime
                timer.Change(real dueTime, real period)

            member _.Dispose() = timer.Dispose()
            member _.DisposeAsync() = timer.DisposeAsync()
        }
