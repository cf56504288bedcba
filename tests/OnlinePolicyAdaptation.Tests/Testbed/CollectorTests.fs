module OnlinePolicyAdaptation.Tests.Testbed.CollectorTests

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Testbed.Collection
open OnlinePolicyAdaptation.Testbed.LoadGeneration
open OnlinePolicyAdaptation.Tests

let private classes =
    [ RequestClass "shop"; RequestClass("shop", "premium"); RequestClass "search" ]

let private topology =
    Topology(TwoNodes.array [ "search"; "idle"; "shop" ], TwoNodes.array [ "n1"; "n2"; "n3" ])

/// Time that a test lets pass.
type private Clock() =
    inherit TimeProvider()
    let mutable now = DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero)
    member _.Pass(seconds: float) = now <- now.AddSeconds seconds
    override _.GetUtcNow() = now

let private collector () =
    let clock = Clock()
    struct (Collector(classes, clock), clock)

let private carried (node: string | null) =
    RequestResult(RequestOutcome.Carried, node, null)

let private blocked = RequestResult(RequestOutcome.Blocked, null, null)

let private failed (node: string | null) reason =
    RequestResult(RequestOutcome.Failed, node, reason)

type private Event =
    | Sent of requests: int
    | Unsent of requests: int
    | Ended of requests: int * answer: RequestResult * milliseconds: int

let private nodes: (string | null) list = [ null; "n1"; "n2" ]

let private events =
    gen {
        let! requests = Gen.choose (0, 2)
        let! milliseconds = Gen.choose (0, 20000)
        let! node = Gen.elements nodes

        return!
            Gen.frequency
                [
                    4, Gen.constant (Sent requests)
                    1, Gen.constant (Unsent requests)
                    4, Gen.constant (Ended(requests, carried node, milliseconds))
                    1, Gen.constant (Ended(requests, blocked, milliseconds))
                    1, Gen.constant (Ended(requests, failed node "HTTP 503", milliseconds))
                ]
    }
    |> Gen.listOf
    |> Gen.listOf

let private tell (collector: Collector) event =
    match event with
    | Sent requests -> collector.Sent(requests, 0.001)
    | Unsent requests -> collector.Unsent(requests, "not sent")
    | Ended(requests, answer, milliseconds) -> collector.Ended(requests, &answer, float milliseconds / 1e3)

let private outcomes outcome requests events =
    events
    |> List.choose (function
        | Ended(number, answer, milliseconds) when number = requests && answer.Outcome = outcome ->
            Some(answer.Node, float milliseconds / 1e3)
        | _ -> None)

/// The time whose rank is nearest to this share of all.
let private nearestRank share (sorted: float[]) =
    sorted[max 1 (int (Math.Floor(share * float sorted.Length + 0.5))) - 1]

let private expectTimes
    (expected: float list)
    (mean: Nullable<ResponseTime>)
    (statistics: ResponseTimeStatistics | null)
    =
    match expected, statistics with
    | [], null -> Expect.isFalse mean.HasValue "no mean of nothing"
    | [], _ -> failtest "statistics of nothing"
    | _, null -> failtest "no statistics"
    | expected, statistics ->
        let sorted = expected |> List.sort |> Array.ofList
        Expect.floatClose Accuracy.high mean.Value.Seconds (List.average expected) "mean"
        Expect.equal statistics.Count (Nullable(int64 expected.Length)) "count"

        for share, found in
            [
                0.5, statistics.P50
                0.9, statistics.P90
                0.95, statistics.P95
                0.99, statistics.P99
            ] do
            // Three digits of microseconds.
            Expect.floatClose
                { absolute = 2e-6; relative = 1e-3 }
                found.Value.Seconds
                (nearestRank share sorted)
                $"p{share}"

let private expectClass (events: Event list) number (measured: MeasuredRequests) =
    let count chosen =
        events |> List.filter chosen |> List.length |> int64

    let times = outcomes RequestOutcome.Carried number events
    let lost = outcomes RequestOutcome.Failed number events
    let unsent = count ((=) (Unsent number))
    Expect.equal measured.Name $"{classes[number]}" "name"
    Expect.equal measured.Offered (count ((=) (Sent number)) + unsent) "offered"
    Expect.equal measured.Carried (int64 times.Length) "carried"
    Expect.equal measured.Blocked (int64 (outcomes RequestOutcome.Blocked number events).Length) "blocked"
    Expect.equal measured.Failed (int64 lost.Length + unsent) "failed"
    expectTimes (List.map snd times) measured.MeanResponseTime measured.Statistics

    for node in [ "n1"; "n2" ] do
        let ofNode = List.filter (fun (found: string | null, _) -> found = node)

        match measured.Nodes |> Seq.tryFind (fun found -> found.Node = node) with
        | Some found ->
            Expect.equal found.Carried (int64 (ofNode times).Length) "carried at the node"
            Expect.equal found.Failed (int64 (ofNode lost).Length) "failed at the node"
            expectTimes (ofNode times |> List.map snd) found.MeanResponseTime found.Statistics
        | None -> Expect.isEmpty (ofNode (times @ lost)) "nothing came to the node"

    Expect.equal (measured.Failures |> Seq.sumBy _.Count) measured.Failed "each failure has a reason"

let private inFlight (measured: MeasuredInterval) =
    measured.Services |> Seq.sumBy _.InFlight

[<Tests>]
let tests =
    testList
        "Testbed.Collection.Collector"
        [
            testProperty "each interval has what was told since the last, by class, node and service"
            <| Prop.forAll (Arb.fromGen events) (fun intervals ->
                let struct (collector, _) = collector ()
                let mutable before = 0L

                for events in intervals do
                    events |> List.iter (tell collector)
                    let measured = collector.Cut()
                    measured.Classes |> Seq.iteri (expectClass events)

                    for service in measured.Services do
                        let parts =
                            measured.Classes
                            |> Seq.filter (fun part -> part.Name.Split('@')[0] = service.Name)

                        let total count = Seq.sumBy count parts
                        Expect.equal service.Offered (total _.Offered) "offered"
                        Expect.equal service.Carried (total _.Carried) "carried"
                        Expect.equal service.Blocked (total _.Blocked) "blocked"
                        Expect.equal service.Failed (total _.Failed) "failed"
                        Expect.equal service.InFlight (total _.InFlight) "in flight"

                    let total (count: MeasuredRequests -> int64) = measured.Services |> Seq.sumBy count

                    Expect.equal
                        (total _.Offered)
                        (total _.Blocked + total _.Carried + total _.Failed + inFlight measured - before)
                        "offered = blocked + carried + failed + what those in flight have become more"

                    before <- inFlight measured)

            test "a service's quantiles are of all its clients together" {
                let struct (collector, _) = collector ()

                for i in 1..99 do
                    tell collector (Sent 0)
                    tell collector (Ended(0, carried "n1", i))

                tell collector (Sent 1)
                tell collector (Ended(1, carried "n2", 5000))
                let shop = collector.Cut().Services[0]
                expectTimes (5.0 :: [ for i in 1..99 -> float i / 1e3 ]) shop.MeanResponseTime shop.Statistics
                Expect.sequenceEqual [ for node in shop.Nodes -> node.Node ] [ "n1"; "n2" ] "nodes"
            }

            test
                "an interval becomes the controller's: rates over its length, services and nodes in the topology's order" {
                let struct (collector, clock) = collector ()
                clock.Pass 3.0
                collector.Cut() |> ignore

                for event in
                    [
                        Sent 0
                        Sent 0
                        Sent 1
                        Sent 2
                        Unsent 2
                        Ended(0, carried "n2", 30)
                        Ended(0, blocked, 1)
                        Ended(2, failed "n1" "HTTP 503", 10)
                    ] do
                    tell collector event

                clock.Pass 2.0
                let measured = collector.Cut()
                let configuration = TwoNodes.configuration 0.6 3.0
                let interval = measured.ToInterval(topology, configuration)
                Expect.equal interval.Time (DateTimeOffset(2026, 1, 31, 12, 0, 5, TimeSpan.Zero)) "time"
                Expect.equal interval.LengthSeconds (Nullable 2.0) "length"
                Expect.equal interval.Configuration configuration "configuration"

                let search, idle, shop =
                    interval.Services[0], interval.Services[1], interval.Services[2]

                Expect.equal search.OfferedLoad (RequestRate 1.0) "search: offered"
                Expect.equal search.FailedLoad (Nullable(RequestRate 1.0)) "search: one failed, one was not sent"
                Expect.isFalse search.MeanResponseTime.HasValue "search: nothing was served"
                Expect.equal search.Nodes[0].FailedLoad (Nullable(RequestRate 0.5)) "search: failed at n1"
                Expect.equal shop.OfferedLoad (RequestRate 1.5) "shop: offered"
                Expect.equal shop.CarriedLoad (RequestRate 0.5) "shop: carried"
                Expect.equal shop.BlockedLoad (Nullable(RequestRate 0.5)) "shop: blocked"
                Expect.floatClose Accuracy.high shop.MeanResponseTime.Value.Seconds 0.03 "shop: mean"
                Expect.equal shop.Nodes.Count 3 "each node, in the order of the topology"
                Expect.equal shop.Nodes[1].CarriedLoad (Nullable(RequestRate 0.5)) "shop: at n2"
                Expect.equal shop.Nodes[0].CarriedLoad (Nullable(RequestRate 0.0)) "shop: nothing at n1"
                Expect.equal idle.OfferedLoad (RequestRate 0.0) "idle"
                Expect.equal (measured.ToMetrics(7L, topology, configuration).Services) interval.Services "the same"
            }

            test "intervals make a trace that reads back" {
                Scratch.withFolder (fun folder ->
                    let path = Path.Combine(folder, "trace.csv")
                    let struct (collector, clock) = collector ()
                    let topology = Topology(TwoNodes.array [ "shop" ], TwoNodes.array [ "n1"; "n2" ])
                    let configuration = TwoNodes.configuration 0.6 3.0

                    let rows =
                        [
                            for number in 0..2 do
                                for i in 0..number do
                                    tell collector (Sent 0)
                                    tell collector (Ended(0, carried "n1", 10 * (i + 1)))

                                clock.Pass 4.0

                                RecordedInterval(
                                    TwoNodes.array [ RequestRate 5.0 ],
                                    collector.Cut().ToMetrics(int64 number, topology, configuration)
                                )
                        ]

                    TestbedTraceWriter.Write(path, topology, TwoNodes.grid, RequestRate 5.0, rows)

                    let read =
                        TestbedTrace.Read(path, TwoNodes.grid, TraceColumns.Testbed(TwoNodes.grid, 1, "5 req/s"))

                    Expect.sequenceEqual
                        [ for row in read.Rows -> row.Services[0].OfferedLoad.PerSecond ]
                        [ 0.25; 0.5; 0.75 ]
                        "offered load"

                    Expect.sequenceEqual
                        [ for row in read.Rows -> row.Services[0].MeanResponseTime ]
                        [ for row in rows -> row.Metrics.Services[0].MeanResponseTime ]
                        "response times"

                    Expect.all read.Rows (fun row -> row.Configuration = configuration) "configuration")
            }
        ]
