/// Intervals of the system of `TwoNodes`, as a source may send them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Intervals

open System
open System.Text
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service

let system =
    {
        Grid = TwoNodes.grid
        Topology = Topology(TwoNodes.array [ "s" ], TwoNodes.array [ "n1"; "n2" ])
    }

let beginning = DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero)

/// The n-th interval, of five seconds.
let at n configuration seconds =
    Interval(
        beginning + TimeSpan.FromSeconds(5.0 * float n),
        configuration,
        (TwoNodes.metrics 0 configuration (ValueSome seconds)).Services
    )

/// An interval that ended at another time.
let ending time (interval: Interval) =
    Interval(
        time,
        interval.Configuration,
        interval.Services,
        LengthSeconds = interval.LengthSeconds,
        Nodes = interval.Nodes
    )

/// An interval with other measurements of the services.
let measuring (services: ServiceMetrics list) (interval: Interval) =
    Interval(
        interval.Time,
        interval.Configuration,
        TwoNodes.array services,
        LengthSeconds = interval.LengthSeconds,
        Nodes = interval.Nodes
    )

/// Node 2 is fast, and slow from an interval on; the configurations go by a formula, and so does the noise.
let recorded count slowFrom =
    [|
        for n in 0 .. count - 1 do
            let configuration =
                TwoNodes.grid.ConfigurationAt((n * 7 + n / 30) % TwoNodes.grid.ConfigurationCount)

            let onNode2 = if n < slowFrom then 0.08 else 0.3
            let noise = 0.002 * float (n * 5 % 7)
            at n configuration (TwoNodes.responseTime onNode2 configuration + noise)
    |]

let line interval =
    Encoding.UTF8.GetString(IntervalJson.write system interval)

let read (text: string) =
    IntervalReader(system).Read(ReadOnlySpan(Encoding.UTF8.GetBytes text))
