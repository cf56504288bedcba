module OnlinePolicyAdaptation.Tests.Service.IntervalJson

open System
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// Names that have to be escaped, and several services.
let private system =
    {
        Grid = TwoNodes.grid
        Topology = Topology(TwoNodes.array [ "front"; "Suche \"ä\""; "time" ], TwoNodes.array [ "n1"; "n2" ])
    }

let private rate =
    Gen.oneof
        [
            Gen.elements [ 0.0; Double.Epsilon; Double.MaxValue; 1.0 / 3.0 ]
            ArbMap.defaults
            |> ArbMap.generate<NormalFloat>
            |> Gen.map (fun (NormalFloat value) -> abs value)
        ]

let private perhaps (value: Gen<'a>) =
    Gen.oneof [ Gen.constant (Nullable()); Gen.map Nullable value ]

let private loads = Gen.map RequestRate rate
let private times = Gen.map ResponseTime rate

let private statistics: Gen<ResponseTimeStatistics | null> =
    gen {
        let! count = perhaps (Gen.choose (0, Int32.MaxValue) |> Gen.map int64)
        let! deviation = perhaps rate
        let! quantiles = Gen.arrayOfLength 4 (perhaps times)

        let statistics =
            ResponseTimeStatistics(
                Count = count,
                StandardDeviation = deviation,
                P50 = quantiles[0],
                P90 = quantiles[1],
                P95 = quantiles[2],
                P99 = quantiles[3]
            )

        // Statistics that say nothing are none.
        return
            if statistics = ResponseTimeStatistics() then
                null
            else
                statistics
    }

/// As many as the system has nodes, or none.
let private byNode node =
    Gen.oneof [ Gen.constant [||]; Gen.arrayOfLength system.Topology.Nodes.Count node ]

let private atNode =
    gen {
        let! offered = perhaps loads
        let! carried = perhaps loads
        let! failed = perhaps loads
        let! mean = perhaps times
        let! statistics = statistics

        return
            ServiceAtNode(
                OfferedLoad = offered,
                CarriedLoad = carried,
                FailedLoad = failed,
                MeanResponseTime = mean,
                Statistics = statistics
            )
    }

let private service =
    gen {
        let! offered = rate
        let! carried = rate
        let! mean = rate
        let! blocked = perhaps loads
        let! failed = perhaps loads
        let! statistics = statistics
        let! nodes = byNode atNode

        return
            ServiceMetrics(
                RequestRate offered,
                RequestRate carried,
                (if carried = 0.0 then
                     Nullable()
                 else
                     Nullable(ResponseTime mean)),
                BlockedLoad = blocked,
                FailedLoad = failed,
                Statistics = statistics,
                Nodes = TwoNodes.array nodes
            )
    }

let private interval =
    gen {
        let! ticks =
            ArbMap.defaults
            |> ArbMap.generate<DateTime>
            |> Gen.map (fun time -> DateTimeOffset(time.Ticks, TimeSpan.Zero))

        let! configuration =
            Gen.choose (0, TwoNodes.grid.ConfigurationCount - 1)
            |> Gen.map TwoNodes.grid.ConfigurationAt

        let! services = Gen.arrayOfLength system.Topology.Services.Count service
        let! length = perhaps (Gen.map (max 1e-3) rate)
        let! nodes = byNode (perhaps rate |> Gen.map NodeMetrics)

        return
            Interval(
                ticks,
                configuration,
                TwoNodes.array services,
                LengthSeconds = length,
                Nodes = TwoNodes.array nodes
            )
    }

let private read (line: byte[]) =
    IntervalReader(system).Read(ReadOnlySpan line)

/// A good line to be spoiled; the reader is the one of `Intervals`.
let private good =
    """{"time":"2026-01-31T12:00:05Z","controls":{"p11":0.6,"c1":3},"services":{"s":{"offeredLoad":5,"carriedLoad":4.5,"meanResponseTime":0.09}}}"""

let private spoiled (old: string) (fresh: string) = good.Replace(old, fresh)

/// What is wrong with a line, by what its reason must name.
let private faults =
    [
        "", FaultKind.Unparsable, [ "byte 0" ]
        "[]", FaultKind.Unparsable, [ "an object" ]
        "null", FaultKind.Unparsable, [ "an object" ]
        good + good, FaultKind.Unparsable, [ $"byte {good.Length}" ]
        good.Substring(0, 100), FaultKind.Unparsable, [ "byte 100" ]
        "{}", FaultKind.BadValue, [ "time"; "missing" ]
        spoiled "\"time\"" "\"x\"", FaultKind.BadValue, [ "time"; "missing" ]
        spoiled "\"controls\"" "\"x\"", FaultKind.BadValue, [ "controls"; "missing" ]
        spoiled "\"services\"" "\"x\"", FaultKind.BadValue, [ "services"; "missing" ]
        spoiled "2026-01-31" "2026-02-31", FaultKind.BadValue, [ "time"; "2026-02-31"; "RFC 3339" ]
        spoiled "\"2026-01-31T12:00:05Z\"" "1769860805", FaultKind.BadValue, [ "time"; "1769860805"; "RFC 3339" ]
        spoiled "\"2026-01-31T12:00:05Z\"" "null", FaultKind.BadValue, [ "time"; "null"; "RFC 3339" ]
        spoiled "2026-01-31T12:00:05Z" "", FaultKind.BadValue, [ "time"; "RFC 3339" ]
        spoiled "12:00:05Z" "12:00:05", FaultKind.BadValue, [ "time"; "2026-01-31T12:00:05"; "no offset"; "+01:00" ]
        spoiled "12:00:05Z" "12:00:05.25", FaultKind.BadValue, [ "time"; "no offset" ]
        spoiled "12:00:05Z" "12:00", FaultKind.BadValue, [ "time"; "no offset" ]
        spoiled "T12:00:05Z" "", FaultKind.BadValue, [ "time"; "no offset" ]
        spoiled "T12:00:05Z" " 12:00:05", FaultKind.BadValue, [ "time"; "no offset" ]
        spoiled "T12:00:05Z" "t12:00:05", FaultKind.BadValue, [ "time"; "no offset" ]
        spoiled "2026-01-31T12:00:05Z" "2026-01-31T12\\u003a00:05", FaultKind.BadValue, [ "time"; "no offset" ]
        spoiled "T12:00:05Z" "Z", FaultKind.BadValue, [ "time"; "RFC 3339" ]
        spoiled "2026-01-31T12:00:05Z" (String('9', 500)), FaultKind.BadValue, [ "time"; "..." ]
        spoiled "2026-01-31T12:00:05Z" "0001-01-01T00:00:00+01:00", FaultKind.BadValue, [ "time"; "RFC 3339" ]
        spoiled "{\"p11\":0.6,\"c1\":3}" "[0.6,3]", FaultKind.BadValue, [ "controls"; "an object" ]
        spoiled ",\"c1\":3" "", FaultKind.BadValue, [ "controls.c1"; "missing" ]
        spoiled "\"c1\":3" "\"c1\":null", FaultKind.BadValue, [ "controls.c1"; "missing" ]
        spoiled "\"c1\":3" "\"c1\":\"3\"", FaultKind.BadValue, [ "controls.c1"; "a number" ]
        spoiled "\"c1\":3" "\"c1\":{\"deep\":3}", FaultKind.BadValue, [ "controls.c1"; "a number" ]
        spoiled "\"c1\":3" "\"c1\":-1", FaultKind.ImpossibleConfiguration, [ "controls.c1"; "-1"; "1..5" ]
        spoiled "\"c1\":3" "\"c1\":1e999", FaultKind.BadValue, [ "controls.c1"; "1e999"; "finite" ]
        spoiled "\"c1\":3" "\"c1\":-1e999", FaultKind.BadValue, [ "controls.c1"; "-1e999"; "finite" ]
        spoiled "0.6" "-0.01", FaultKind.ImpossibleConfiguration, [ "controls.p11"; "-0.01" ]
        spoiled "0.6" "1.01", FaultKind.ImpossibleConfiguration, [ "controls.p11"; "1.01" ]
        spoiled "0.6" "0.6001", FaultKind.ImpossibleConfiguration, [ "controls.p11"; "0.6001" ]
        spoiled "\"c1\":3" "\"c9\":3", FaultKind.UnknownName, [ "controls.c9"; "p11, c1" ]
        spoiled "\"c1\":3" "\"c1\":3.5", FaultKind.ImpossibleConfiguration, [ "controls.c1"; "3.5" ]
        spoiled "\"c1\":3" "\"c1\":6", FaultKind.ImpossibleConfiguration, [ "controls.c1"; "6" ]
        spoiled "\"s\":{" "\"t\":{", FaultKind.UnknownName, [ "services.t"; "expected s" ]
        good.Substring(0, good.IndexOf "\"s\":{") + "}}", FaultKind.BadValue, [ "services.s"; "missing" ]
        spoiled "4.5" "\"NaN\"", FaultKind.BadValue, [ "services.s.carriedLoad"; "a number" ]
        spoiled "4.5" "NaN", FaultKind.Unparsable, [ "byte" ]
        spoiled "4.5" "\"NaN\"", FaultKind.BadValue, [ "services.s.carriedLoad"; "'NaN'" ]
        spoiled "4.5" "[4.5]", FaultKind.BadValue, [ "services.s.carriedLoad"; "an array" ]
        spoiled "4.5" "-1e-6", FaultKind.BadValue, [ "services.s.carriedLoad"; "-1e-6"; "at least 0" ]
        spoiled "{\"offeredLoad\":5,\"carriedLoad\":4.5,\"meanResponseTime\":0.09}" "7",
        FaultKind.BadValue,
        [ "services.s: 7"; "an object" ]
        spoiled "4.5" "-4.5", FaultKind.BadValue, [ "services.s.carriedLoad"; "-4.5" ]
        spoiled "4.5" "true", FaultKind.BadValue, [ "services.s.carriedLoad"; "a number" ]
        spoiled "\"offeredLoad\":5," "", FaultKind.BadValue, [ "services.s.offeredLoad"; "missing" ]
        spoiled "0.09" "null", FaultKind.BadValue, [ "services.s.meanResponseTime"; "missing" ]
        spoiled "0.09" (String('9', 400)), FaultKind.BadValue, [ "services.s.meanResponseTime"; "finite" ]
        spoiled "0.09" (String('[', 5000)), FaultKind.BadValue, [ "services.s.meanResponseTime" ]
        spoiled "{\"time\"" $"{{\"x\":{String('[', 5000)}", FaultKind.Unparsable, [ "byte" ]
        spoiled "0.09" "0.09,\"blockedLoad\":-1", FaultKind.BadValue, [ "services.s.blockedLoad"; "-1"; "at least 0" ]
        spoiled "0.09" "0.09,\"failedLoad\":\"1\"", FaultKind.BadValue, [ "services.s.failedLoad"; "a number" ]
        spoiled "0.09" "0.09,\"p99\":1e999", FaultKind.BadValue, [ "services.s.p99"; "finite" ]
        spoiled "0.09" "0.09,\"count\":1.5", FaultKind.BadValue, [ "services.s.count"; "1.5"; "whole" ]
        spoiled "0.09" "0.09,\"nodes\":[]", FaultKind.BadValue, [ "services.s.nodes"; "an array"; "an object" ]
        spoiled "0.09" "0.09,\"nodes\":{\"n3\":{}}", FaultKind.UnknownName, [ "services.s.nodes.n3"; "n1, n2" ]
        spoiled "0.09" "0.09,\"nodes\":{\"n2\":7}", FaultKind.BadValue, [ "services.s.nodes.n2: 7"; "an object" ]
        spoiled "0.09" "0.09,\"nodes\":{\"n2\":{\"carriedLoad\":-1}}",
        FaultKind.BadValue,
        [ "services.s.nodes.n2.carriedLoad"; "-1"; "at least 0" ]
        spoiled "0.09" "0.09,\"nodes\":{\"n2\":{\"count\":0.5}}",
        FaultKind.BadValue,
        [ "services.s.nodes.n2.count"; "0.5"; "whole" ]
        spoiled "{\"time\"" "{\"lengthSeconds\":0,\"time\"", FaultKind.BadValue, [ "lengthSeconds: 0"; "above 0" ]
        spoiled "{\"time\"" "{\"lengthSeconds\":-5,\"time\"", FaultKind.BadValue, [ "lengthSeconds: -5" ]
        spoiled "{\"time\"" "{\"nodes\":{\"n3\":{}},\"time\"", FaultKind.UnknownName, [ "nodes.n3"; "n1, n2" ]
        spoiled "{\"time\"" "{\"nodes\":{\"n1\":{\"utilisation\":-1}},\"time\"",
        FaultKind.BadValue,
        [ "nodes.n1.utilisation"; "-1" ]
    ]

let private expectFault (line: string, kind, parts) =
    match Intervals.read line with
    | Ok interval -> failtest $"{line}: read as {interval}"
    | Error fault ->
        Expect.equal fault.Kind kind $"{line}: {fault.Reason}"

        for part in parts do
            Expect.stringContains fault.Reason part line

let private expected =
    Intervals.at 1 (TwoNodes.configuration 0.6 3.0) 0.09
    |> Intervals.measuring
        [
            ServiceMetrics(RequestRate 5.0, RequestRate 4.5, Nullable(ResponseTime 0.09))
        ]

/// Lines that say the same as the good one.
let private synonyms =
    [
        good
        $"  {good}\t "
        spoiled "0.6" "0.60000000001"
        spoiled "12:00:05Z" "13:00:05.000+01:00"
        spoiled "{\"time\"" "{\"host\":{\"name\":\"a\",\"tags\":[1,[2]]},\"time\""
        spoiled "\"offeredLoad\"" "\"p99\":null,\"offeredLoad\""
        spoiled "offeredLoad" "offered\\u004coad"
        spoiled "T12:00:05Z" "t12:00:05z"
        spoiled "T12:00:05Z" " 12:00:05+00:00"
        spoiled "12:00:05Z" "07:30:05-04:30"
        spoiled "12:00:05Z" "12:00:05.000000000Z"
        spoiled "12:00:05Z" "12:00:05\\u005A"
        spoiled "0.6" "0.6000000000000001"
        spoiled "0.6" "0.59999999"
        spoiled "\"c1\":3" "\"c1\":30e-1"
        spoiled "0.09" "0.09,\"blockedLoad\":null,\"count\":null,\"nodes\":{}"
        spoiled "{\"time\"" "{\"lengthSeconds\":null,\"nodes\":{},\"time\""
    ]

[<Tests>]
let tests =
    testList
        "Service.IntervalJson"
        [
            testPropertyWithConfig
                FsCheckConfig.defaultConfig
                "what was written is read as it was"
                (Prop.forAll (Arb.fromGen interval) (fun interval ->
                    read (IntervalJson.write system interval) = Ok interval))

            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 2000
                }
                "a line with some bytes changed, or cut off, is read or at fault"
                (Prop.forAll
                    (Arb.fromGen (
                        Gen.zip
                            (Gen.choose (0, good.Length))
                            (Gen.listOf (Gen.zip (Gen.choose (0, 199)) (Gen.choose (0, 255))))
                    ))
                    (fun (length, changes) ->
                        let line = Encoding.UTF8.GetBytes(good.Substring(0, length))

                        for place, value in changes |> List.truncate 3 do
                            if line.Length > 0 then
                                line[place % line.Length] <- byte value

                        match IntervalReader(Intervals.system).Read(ReadOnlySpan line) with
                        | Ok interval ->
                            TwoNodes.grid.Contains interval.Configuration
                            && interval.Services.Count = 1
                            && Double.IsFinite interval.Services[0].OfferedLoad.PerSecond
                        | Error fault -> fault.Reason <> ""))

            testCase "nodes that a line leaves out are without measurements"
            <| fun () ->
                let line =
                    (spoiled "0.09" "0.09,\"nodes\":{\"n2\":{\"carriedLoad\":4.5,\"p50\":0.08}}")
                        .Replace("{\"time\"", "{\"nodes\":{\"n1\":{\"utilisation\":0.4}},\"time\"")

                match Intervals.read line with
                | Ok read ->
                    Expect.equal
                        read.Services[0].Nodes
                        (TwoNodes.array
                            [
                                ServiceAtNode()
                                ServiceAtNode(
                                    CarriedLoad = RequestRate 4.5,
                                    Statistics = ResponseTimeStatistics(P50 = ResponseTime 0.08)
                                )
                            ])
                        "of the service"

                    Expect.equal read.Nodes (TwoNodes.array [ NodeMetrics 0.4; NodeMetrics(Nullable()) ]) "of the nodes"
                | Error fault -> failtest fault.Reason

            testCase "every prefix of a line is at fault"
            <| fun () ->
                for length in 0 .. good.Length - 1 do
                    Expect.isError (Intervals.read (good.Substring(0, length))) $"{length} characters"

            testCase "a fault says where, what, and what was expected"
            <| fun () -> List.iter expectFault faults

            testCase "what is there twice is at fault, as nobody knows which counts"
            <| fun () ->
                for twice in
                    [
                        spoiled "{\"time\"" "{\"time\":\"2026-01-31T12:00:05Z\",\"time\""
                        spoiled "\"c1\":3" "\"c1\":3,\"c1\":3"
                        spoiled "\"services\"" "\"controls\":{\"p11\":0.6,\"c1\":3},\"services\""
                        spoiled "\"s\":{" "\"s\":{\"offeredLoad\":1,\"carriedLoad\":0},\"s\":{"
                        spoiled "\"offeredLoad\":5" "\"offeredLoad\":5,\"offeredLoad\":6"
                        spoiled "\"carriedLoad\":4.5" "\"carriedLoad\":4.5,\"carriedLoad\":4.5"
                        spoiled "0.09" "0.09,\"meanResponseTime\":0.09"
                        spoiled "0.09" "0.09,\"p90\":0.2,\"p90\":0.2"
                        spoiled "0.09" "0.09,\"nodes\":{},\"nodes\":{}"
                        spoiled "0.09" "0.09,\"nodes\":{\"n1\":{},\"n1\":{}}"
                        spoiled "0.09" "0.09,\"nodes\":{\"n1\":{\"p50\":1,\"p50\":1}}"
                        spoiled "{\"time\"" "{\"lengthSeconds\":5,\"lengthSeconds\":5,\"time\""
                        spoiled "{\"time\"" "{\"nodes\":{},\"nodes\":{},\"time\""
                        spoiled "{\"time\"" "{\"nodes\":{\"n2\":{},\"n2\":{}},\"time\""
                    ] do
                    expectFault (twice, FaultKind.BadValue, [ "twice" ])

            testCase "a null that is followed by a value is there twice too"
            <| fun () ->
                for twice, field in
                    [
                        spoiled "\"c1\":3" "\"c1\":null,\"c1\":3", "controls.c1"
                        spoiled "\"offeredLoad\":5" "\"offeredLoad\":null,\"offeredLoad\":5", "services.s.offeredLoad"
                        spoiled "\"carriedLoad\"" "\"carriedLoad\":null,\"carriedLoad\"", "services.s.carriedLoad"
                        spoiled "0.09" "null,\"meanResponseTime\":0.09", "services.s.meanResponseTime"
                    ] do
                    expectFault (twice, FaultKind.BadValue, [ $"{field} is there twice" ])

            testCase "rounding noise on either side of any level is that level"
            <| fun () ->
                for level in 0..5 do
                    for noise in [ -1.1102230246251565e-16; 2.2e-16; -1e-9; 1e-9 ] do
                        let value =
                            (float level / 5.0 + noise).ToString("R", Globalization.CultureInfo.InvariantCulture)

                        match Intervals.read (spoiled "0.6" value) with
                        | Ok read -> Expect.equal read.Configuration.Levels[0] level value
                        | Error fault -> failtest fault.Reason

            testCase "a difference that is less than 0 by noise is 0"
            <| fun () ->
                match Intervals.read (spoiled "\"offeredLoad\":5" "\"offeredLoad\":-1.1e-16") with
                | Ok read -> Expect.equal read.Services[0].OfferedLoad (RequestRate 0.0) "offered"
                | Error fault -> failtest fault.Reason

            testCase "a number that JSON has no word for is written as null"
            <| fun () ->
                let line =
                    expected
                    |> Intervals.measuring
                        [
                            ServiceMetrics(RequestRate infinity, RequestRate nan, Nullable(ResponseTime -infinity))
                        ]
                    |> Intervals.line

                Expect.stringContains
                    line
                    "{\"offeredLoad\":null,\"carriedLoad\":null,\"meanResponseTime\":null}"
                    "line"

            testCase "unknown fields, spaces and other ways to write the same make no difference"
            <| fun () ->
                for line in synonyms do
                    Expect.equal (Intervals.read line) (Ok expected) line

            testCase "a reader is as good after a fault as before"
            <| fun () ->
                let reader = IntervalReader Intervals.system

                for line, _, _ in faults do
                    reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes line)) |> ignore
                    Expect.equal (reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes good))) (Ok expected) line

            testCase "what was read stays as it was when the reader goes on"
            <| fun () ->
                let reader = IntervalReader Intervals.system
                let first = reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes good))
                let other = spoiled "\"c1\":3" "\"c1\":1" |> Encoding.UTF8.GetBytes
                reader.Read(ReadOnlySpan other) |> ignore
                Expect.equal first (Ok expected) "the first"
        ]
