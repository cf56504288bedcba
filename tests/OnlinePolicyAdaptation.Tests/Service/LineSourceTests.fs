module OnlinePolicyAdaptation.Tests.Service.LineSource

open System
open System.IO
open System.Text
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Tests

/// The system that the files of cases are of.
let private vocabulary =
    { Intervals.vocabulary with
        Topology = Topology(TwoNodes.array [ "service-1" ], TwoNodes.array [ "n1"; "n2" ])
    }

let private read vocabulary (stream: Stream) =
    task {
        let pull = LineSource.create vocabulary TimeProvider.System stream
        let! arrived = pull CancellationToken.None
        return [ for arrival in arrived -> arrival.Content ]
    }

let private readCase name =
    task {
        use file =
            File.OpenRead(Path.Combine(Repository.folder, "tests", "OnlinePolicyAdaptation.Tests", "Cases", name))

        return! read vocabulary file
    }

let private levels (content: Result<Interval, Fault>) =
    match content with
    | Ok interval -> List.ofSeq interval.Configuration.Levels
    | Error fault -> failtest fault.Reason

let private line (value: string) (place: string) =
    let number field usual = if field = place then value else usual

    let offered = number "offeredLoad" "5"
    let carried = number "carriedLoad" "4.5"
    let mean = number "meanResponseTime" "0.09"

    $"{{\"time\":\"2026-01-31T12:00:05Z\",\"controls\":{{\"p11\":0.6,\"c1\":3}},\"services\":{{\"s\":{{\"offeredLoad\":{offered},\"carriedLoad\":{carried},\"meanResponseTime\":{mean}}}}}}}"

let private readLine (text: string) =
    task {
        use stream = new MemoryStream(Encoding.UTF8.GetBytes text)
        let! contents = read Intervals.vocabulary stream
        return List.exactlyOne contents
    }

[<Tests>]
let tests =
    testList
        "Service.LineSource"
        [
            testTask "rounding noise at the ends of a grid is a level" {
                let! contents = readCase "rounding-noise.ndjson"
                Expect.equal (contents |> List.map levels) [ [ 0; 4 ]; [ 5; 4 ] ] "levels"
            }

            testTask "a byte-order mark does not spoil the first line" {
                let! contents = readCase "byte-order-mark.ndjson"
                Expect.equal (contents |> List.map levels) [ [ 5; 4 ]; [ 5; 4 ] ] "levels"
            }

            testTask "a time without offset is not of the machine's zone" {
                let! contents = readCase "time-without-offset.ndjson"
                Expect.isNonEmpty contents "lines"

                for content in contents do
                    match content with
                    | Ok interval -> failtest $"read as {interval.Time}"
                    | Error fault ->
                        Expect.equal fault.Kind FaultKind.BadValue "kind"
                        Expect.stringContains fault.Reason "no offset" "reason"
            }

            for field, largest, more, unit in
                [
                    "offeredLoad", "1e12", "1.1e12", "req/s"
                    "carriedLoad", "1e12", "1e308", "req/s"
                    "meanResponseTime", "1e6", "1e308", "s"
                ] do
                testTask $"{field} has a bound that no system exceeds" {
                    let! most = readLine (line largest field)
                    Expect.isOk most "the most"

                    match! readLine (line more field) with
                    | Ok interval -> failtest $"read as {interval}"
                    | Error fault ->
                        Expect.equal fault.Kind FaultKind.Implausible "kind"
                        Expect.stringContains fault.Reason $"services.s.{field}: 1" "place"
                        Expect.stringContains fault.Reason $" {unit}; expected at most 1" "expected"
                }
        ]
