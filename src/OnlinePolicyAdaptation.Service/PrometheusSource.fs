/// Intervals asked of a Prometheus server, one after the other.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.PrometheusSource

open System
open System.Threading.Tasks
open OnlinePolicyAdaptation.ControlCycle

/// The longest pause between attempts to reach a server that does not answer, in intervals.
let private longestPause = 12.0

/// The last moment at which an interval ended: intervals end at whole multiples of their length.
let private lastEnd (interval: TimeSpan) (now: DateTimeOffset) =
    DateTimeOffset(now.UtcTicks - now.UtcTicks % interval.Ticks, TimeSpan.Zero)

/// One element at the end of each interval, asked for by `query`. While the server cannot be reached, which `unreachable` is
/// told of, intervals are missed, and pauses grow from one interval to twelve.
let create
    (query: DateTimeOffset -> Threading.CancellationToken -> Task<Result<Interval, QueryError>>)
    (unreachable: string -> unit)
    (interval: TimeSpan)
    (time: TimeProvider)
    : Pull =
    let mutable position = 0L
    let mutable asked = lastEnd interval (time.GetUtcNow())

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
            let mutable pause = 1.0

            while arrivals.Length = 0 do
                let next = asked + interval * pause
                let wait = next - time.GetUtcNow()

                if wait > TimeSpan.Zero then
                    do! Task.Delay(wait, time, cancellation)

                // An interval that was overslept is past: the last one counts.
                asked <- max next (lastEnd interval (time.GetUtcNow()))

                match! query asked cancellation with
                | Ok interval -> arrivals <- arrival (Ok interval) ""
                | Error(QueryError.Unusable fault) -> arrivals <- arrival (Error fault) $"{asked:O}"
                | Error(QueryError.Unreachable reason) ->
                    unreachable reason
                    pause <- min longestPause (2.0 * pause)

            return arrivals
        }
