module OnlinePolicyAdaptation.Tests.Service.IntervalJson

open System
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// Names that have to be escaped, and several services.
let private vocabulary =
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

let private service =
    gen {
        let! offered = rate
        let! carried = rate
        let! mean = rate

        return
            ServiceMetrics(
                RequestRate offered,
                RequestRate carried,
                if carried = 0.0 then
                    Nullable()
                else
                    Nullable(ResponseTime mean)
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

        let! services = Gen.arrayOfLength vocabulary.Topology.Services.Count service

        return
            {
                Time = ticks
                Configuration = configuration
                Services = TwoNodes.array services
            }
    }

let private read (line: byte[]) =
    IntervalReader(vocabulary).Read(ReadOnlySpan line)

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
        spoiled "2026-01-31" "2026-02-31", FaultKind.BadValue, [ "time"; "RFC 3339" ]
        spoiled "\"2026-01-31T12:00:05Z\"" "1769860805", FaultKind.BadValue, [ "time"; "RFC 3339" ]
        spoiled "{\"p11\":0.6,\"c1\":3}" "[0.6,3]", FaultKind.BadValue, [ "controls"; "an object" ]
        spoiled ",\"c1\":3" "", FaultKind.BadValue, [ "controls.c1"; "missing" ]
        spoiled "\"c1\":3" "\"c1\":null", FaultKind.BadValue, [ "controls.c1"; "missing" ]
        spoiled "\"c1\":3" "\"c1\":\"3\"", FaultKind.BadValue, [ "controls.c1"; "a number" ]
        spoiled "\"c1\":3" "\"c1\":{\"deep\":3}", FaultKind.BadValue, [ "controls.c1"; "a number" ]
        spoiled "\"c1\":3" "\"c1\":-1", FaultKind.BadValue, [ "controls.c1"; "-1"; "at least 0" ]
        spoiled "\"c1\":3" "\"c1\":1e999", FaultKind.BadValue, [ "controls.c1"; "1e999"; "finite" ]
        spoiled "\"c1\":3" "\"c9\":3", FaultKind.UnknownName, [ "controls.c9"; "p11, c1" ]
        spoiled "\"c1\":3" "\"c1\":3.5", FaultKind.ImpossibleConfiguration, [ "controls.c1"; "3.5" ]
        spoiled "\"c1\":3" "\"c1\":6", FaultKind.ImpossibleConfiguration, [ "controls.c1"; "6" ]
        spoiled "\"s\":{" "\"t\":{", FaultKind.UnknownName, [ "services.t"; "expected s" ]
        good.Substring(0, good.IndexOf "\"s\":{") + "}}", FaultKind.BadValue, [ "services.s"; "missing" ]
        spoiled "4.5" "\"NaN\"", FaultKind.BadValue, [ "services.s.carriedLoad"; "a number" ]
        spoiled "4.5" "NaN", FaultKind.Unparsable, [ "byte" ]
        spoiled "4.5" "-4.5", FaultKind.BadValue, [ "services.s.carriedLoad"; "-4.5" ]
        spoiled "4.5" "true", FaultKind.BadValue, [ "services.s.carriedLoad"; "a number" ]
        spoiled "\"offeredLoad\":5," "", FaultKind.BadValue, [ "services.s.offeredLoad"; "missing" ]
        spoiled "0.09" "null", FaultKind.BadValue, [ "services.s.meanResponseTime"; "missing" ]
        spoiled "0.09" (String('9', 400)), FaultKind.BadValue, [ "services.s.meanResponseTime"; "finite" ]
        spoiled "0.09" (String('[', 5000)), FaultKind.BadValue, [ "services.s.meanResponseTime" ]
        spoiled "{\"time\"" $"{{\"x\":{String('[', 5000)}", FaultKind.Unparsable, [ "byte" ]
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
    |> fun interval ->
        { interval with
            Services =
                TwoNodes.array
                    [
                        ServiceMetrics(RequestRate 5.0, RequestRate 4.5, Nullable(ResponseTime 0.09))
                    ]
        }

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
        spoiled "\"c1\":3" "\"c1\":30e-1"
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
                    read (IntervalJson.write vocabulary interval) = Ok interval))

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

                        match IntervalReader(Intervals.vocabulary).Read(ReadOnlySpan line) with
                        | Ok interval ->
                            TwoNodes.grid.Contains interval.Configuration
                            && interval.Services.Count = 1
                            && Double.IsFinite interval.Services[0].OfferedLoad.PerSecond
                        | Error fault -> fault.Reason <> ""))

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
                    ] do
                    expectFault (twice, FaultKind.BadValue, [ "twice" ])

            testCase "unknown fields, spaces and other ways to write the same make no difference"
            <| fun () ->
                for line in synonyms do
                    Expect.equal (Intervals.read line) (Ok expected) line

            testCase "a reader is as good after a fault as before"
            <| fun () ->
                let reader = IntervalReader Intervals.vocabulary

                for line, _, _ in faults do
                    reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes line)) |> ignore
                    Expect.equal (reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes good))) (Ok expected) line

            testCase "what was read stays as it was when the reader goes on"
            <| fun () ->
                let reader = IntervalReader Intervals.vocabulary
                let first = reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes good))
                let other = spoiled "\"c1\":3" "\"c1\":1" |> Encoding.UTF8.GetBytes
                reader.Read(ReadOnlySpan other) |> ignore
                Expect.equal first (Ok expected) "the first"
        ]
