namespace OnlinePolicyAdaptation.Service

open System
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// What keeps a source of metrics from its work.
[<RequireQualifiedAccess>]
type SourceTrouble =
    | Unreachable of reason: string
    /// The system clock was set by so much; below 0: back.
    | ClockStepped of TimeSpan

    member this.Reason =
        match this with
        | Unreachable reason -> reason
        | ClockStepped step -> $"the system clock was set by {step.TotalSeconds:F1} s"

/// Intervals asked of a Prometheus server, one after the other.
[<RequireQualifiedAccess>]
module PrometheusSource =

    /// The last moment at which an interval ended: intervals end at whole multiples of their length.
    let private lastEnd (interval: TimeSpan) (now: DateTimeOffset) =
        DateTimeOffset(now.UtcTicks - now.UtcTicks % interval.Ticks, TimeSpan.Zero)

    /// One element at the end of each interval, asked for by `query`. While the server cannot be reached, intervals are missed.
    /// A clock that is set by more than half an interval is followed: no pause is longer than an interval. `trouble` is called
    /// in both cases.
    let create
        (query: DateTimeOffset -> Threading.CancellationToken -> Task<Result<Interval, QueryError>>)
        (trouble: SourceTrouble -> unit)
        (interval: TimeSpan)
        (time: TimeProvider)
        : Pull =
        let mutable position = 0L
        let mutable wall = time.GetUtcNow()
        let mutable stamp = time.GetTimestamp()
        let mutable asked = lastEnd interval wall

        /// The time, after a look whether the clock went as the steady one did.
        let now () =
            let current = time.GetUtcNow()
            let currentStamp = time.GetTimestamp()
            let step = current - wall - time.GetElapsedTime(stamp, currentStamp)
            wall <- current
            stamp <- currentStamp

            if step.Duration() > interval / 2.0 then
                trouble (SourceTrouble.ClockStepped step)
                asked <- min asked (lastEnd interval current)

            current

        let arrival content text =
            position <- position + 1L

            [|
                {
                    Position = position - 1L
                    Content = content
                    Text = text
                    Received = time.GetTimestamp()
                    Reply = ValueNone
                }
            |]

        fun cancellation ->
            task {
                let mutable arrivals = [||]

                while arrivals.Length = 0 do
                    let current = now ()
                    let wait = min interval (asked + interval - current)

                    if wait > TimeSpan.Zero then
                        do! Task.Delay(wait, time, cancellation)

                    // An interval that was overslept is past: the last one counts.
                    let ended = lastEnd interval (now ())

                    if ended > asked then
                        asked <- ended

                        match! query asked cancellation with
                        | Ok interval -> arrivals <- arrival (Ok interval) ""
                        | Error(QueryError.Unusable fault) -> arrivals <- arrival (Error fault) $"{asked:O}"
                        | Error(QueryError.Unreachable reason) -> trouble (SourceTrouble.Unreachable reason)

                return arrivals
            }
