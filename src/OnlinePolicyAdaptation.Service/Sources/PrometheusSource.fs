namespace OnlinePolicyAdaptation.Service

open System
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// What keeps a source of metrics from its work.
[<RequireQualifiedAccess>]
type SourceTrouble =
    | Unreachable of reason: string
    /// It answered, and the answer is no interval.
    | Unusable of reason: string
    /// The system clock was set by so much; below 0: back.
    | ClockStepped of TimeSpan

    member this.Reason =
        match this with
        | Unreachable reason
        | Unusable reason -> reason
        | ClockStepped step -> $"the system clock was set by {step.TotalSeconds:F1} s"

/// Intervals asked of a Prometheus server, one after the other.
[<RequireQualifiedAccess>]
module PrometheusSource =

    /// The last moment at which an interval ended: intervals end at whole multiples of their length, and so much later.
    let private lastEnd (interval: TimeSpan) (phase: TimeSpan) (now: DateTimeOffset) =
        let passed = now.UtcTicks - phase.Ticks
        DateTimeOffset(now.UtcTicks - passed % interval.Ticks, TimeSpan.Zero)

    /// A moment in whole milliseconds that is not so far into an interval.
    let private notAt (phase: TimeSpan) (interval: TimeSpan) (moment: DateTimeOffset) =
        let whole = moment.AddTicks(-(moment.UtcTicks % TimeSpan.TicksPerMillisecond))

        if whole.UtcTicks % interval.Ticks = phase.Ticks then
            whole.AddMilliseconds 1.0
        else
            whole

    /// One element at the end of each interval, asked for by `query`. While the server cannot be reached, intervals are missed.
    /// A clock that is set by more than half an interval is followed: no pause is longer than an interval. Where it was set
    /// back, also since `last`, the end of the last interval of an earlier process, intervals end at other moments of the
    /// clock than before, so that none ends at a time at which another one ended. `trouble` is called in
    /// these cases, and where an answer is no interval.
    let create
        (query: DateTimeOffset -> Threading.CancellationToken -> Task<Result<Interval, QueryError>>)
        (trouble: SourceTrouble -> unit)
        (interval: TimeSpan)
        (last: DateTimeOffset voption)
        (time: TimeProvider)
        : Pull =
        let mutable position = 0L
        let mutable phase = TimeSpan.Zero
        let mutable wall = time.GetUtcNow()
        let mutable stamp = time.GetTimestamp()

        let mutable asked = lastEnd interval phase wall

        /// Intervals go on in their steady rhythm from one that ended then.
        let goOnFrom moment =
            asked <- notAt phase interval moment
            phase <- TimeSpan(asked.UtcTicks % interval.Ticks)

        match last with
        | ValueSome last when last > wall ->
            trouble (SourceTrouble.ClockStepped(wall - last))
            goOnFrom wall
        | _ -> ()

        /// The time, after a look whether the clock went as the steady one did.
        let now () =
            let current = time.GetUtcNow()
            let currentStamp = time.GetTimestamp()
            let step = current - wall - time.GetElapsedTime(stamp, currentStamp)
            wall <- current
            stamp <- currentStamp

            if step.Duration() > interval / 2.0 then
                trouble (SourceTrouble.ClockStepped step)

                if step < TimeSpan.Zero then
                    goOnFrom (asked + step)

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
                    let current = now ()
                    let ended = lastEnd interval phase current

                    if ended > asked then
                        asked <- ended

                        match! query asked cancellation with
                        | Ok interval -> arrivals <- arrival (Ok interval) ""
                        | Error(QueryError.Unusable fault) ->
                            trouble (SourceTrouble.Unusable fault.Reason)
                            arrivals <- arrival (Error fault) $"{asked:O}"
                        | Error(QueryError.Unreachable reason) -> trouble (SourceTrouble.Unreachable reason)

                return arrivals
            }
