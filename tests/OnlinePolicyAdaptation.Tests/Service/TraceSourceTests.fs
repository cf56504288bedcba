module OnlinePolicyAdaptation.Tests.Service.TraceSource

open System
open System.IO
open System.IO.Compression
open System.Text
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private columns unit =
    let testbed = TraceColumns.Testbed(TwoNodes.grid, 1)

    match unit with
    | None -> testbed
    | Some unit -> TraceColumns(testbed.Controls, testbed.Services, Time = TraceColumn("time", unit))

let private length = TimeSpan.FromSeconds 5.0

/// Everything that comes from the first position on.
let private pulled clock unit first path =
    use reader = TraceReader.Open(path, TwoNodes.grid, columns unit)

    let pull =
        TraceSource.create reader first clock Pace.Unlimited length TimeProvider.System

    [
        let mutable goesOn = true

        while goesOn do
            let arrivals = (pull CancellationToken.None).Result
            goesOn <- arrivals.Length > 0
            yield! arrivals
    ]

let private arrivals clock unit first (lines: string list) =
    let mutable found = []

    Scratch.withFile "trace.csv" (String.concat "\n" lines) (fun path -> found <- pulled clock unit first path)

    found

let private header = "time,l1,p11,c1,cl1,d1"
let private rowAt time = $"{time},5,0.2,3,5,0.1"

/// The times of intervals; what is wrong with the others.
let private times (arrivals: Arrival list) =
    arrivals
    |> List.map (fun arrival ->
        match arrival.Content with
        | Ok interval -> Ok(interval.Time.ToUniversalTime().ToString "yyyy-MM-ddTHH:mm:ss.fffffff")
        | Error fault -> Error fault.Reason)

/// The time that is read of a text, or why there is none.
let private time unit text =
    arrivals Clock.Lockstep (Some unit) 0L [ header; rowAt text ]
    |> times
    |> List.exactlyOne

let private isRefused unit text (part: string) =
    match time unit text with
    | Ok time -> failtest $"'{text}' is {time}"
    | Error reason ->
        Expect.stringContains reason $":2: column time: '{text}'" "place"
        Expect.stringContains reason part "expected"

let private gzip (text: string) =
    use compressed = new MemoryStream()

    do
        use stream = new GZipStream(compressed, CompressionMode.Compress)
        stream.Write(Encoding.UTF8.GetBytes text)

    compressed.ToArray()

[<Tests>]
let tests =
    testList
        "Service.TraceSource"
        [
            test "without a column of times intervals end one length after the other, in 2000" {
                let found =
                    arrivals Clock.Lockstep None 1L [ header; rowAt "a"; ""; rowAt "b"; rowAt "c" ]

                Expect.equal
                    (times found)
                    [ Ok "2000-01-01T00:00:05.0000000"; Ok "2000-01-01T00:00:10.0000000" ]
                    "times"

                Expect.equal (found |> List.map _.Position) [ 1L; 2L ] "the first was known; blank lines do not count"
            }

            test "with one they end when they were recorded" {
                let rows = [ "2026-01-31T12:00:05Z"; "2026-01-31T13:00:10+01:00" ] |> List.map rowAt

                Expect.equal
                    (arrivals Clock.Lockstep (Some "ISO 8601") 0L (header :: rows) |> times)
                    [ Ok "2026-01-31T12:00:05.0000000"; Ok "2026-01-31T12:00:10.0000000" ]
                    "times"
            }

            test "scenario.json says which column holds the times" {
                let columns =
                    """"columns": {
                         "time": { "column": "ended", "unit": "ms" },
                         "controls": [{ "column": "p11", "unit": "fraction" }, { "column": "c1", "unit": "cores" }],
                         "services": [{
                           "offeredLoad": { "column": "l1", "unit": "req/s" },
                           "carriedLoad": { "column": "cl1", "unit": "req/s" },
                           "meanResponseTime": { "column": "d1", "unit": "s" } }] }"""

                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder
                    Expect.isNull (SmallScenario.load folder).Experiment.Columns.Time "none unless it is said"
                    let path = Path.Combine(folder, "scenario.json")
                    let before = "\"before\": \"before.csv\""
                    File.WriteAllText(path, SmallScenario.json.Replace(before, $"{before}, {columns}"))

                    Expect.equal
                        (SmallScenario.load folder).Experiment.Columns.Time
                        (TraceColumn("ended", "ms"))
                        "name and unit")
            }

            test "played in real time they end now" {
                let before = DateTimeOffset.UtcNow

                match arrivals Clock.RealTime (Some "s") 0L [ header; rowAt "1769860805" ] with
                | [ { Content = Ok interval } ] -> Expect.isGreaterThanOrEqual interval.Time before "now"
                | other -> failtest $"{other}"
            }

            test "a time is read in many ways of writing it" {
                for text in
                    [
                        "2026-01-31T12:00:05.250Z"
                        "2026-01-31 12:00:05,25z"
                        "\"2026-01-31 14:30:05.2500000+02:30\""
                        "2026-01-31T07:00:05.25-0500"
                        "2026-01-31T20:00:05.250000000 +08"
                    ] do
                    let text =
                        if text.Contains ',' && text[0] <> '"' then
                            $"\"{text}\""
                        else
                            text

                    Expect.equal (time "ISO 8601" text) (Ok "2026-01-31T12:00:05.2500000") text

                for unit, text in
                    [
                        "s", "1769860805.25"
                        "ms", "1769860805250"
                        "us", "1769860805250000"
                        "ns", "1769860805250000000"
                        "s", "1.76986080525e9"
                    ] do
                    Expect.equal (time unit text) (Ok "2026-01-31T12:00:05.2500000") $"{text} {unit}"
            }

            test "what is no time is named" {
                isRefused "ISO 8601" "2026-01-31T12:00:05" "no offset"
                isRefused "ISO 8601" "2026-02-30T12:00:05Z" "a time that there is"
                isRefused "ISO 8601" "31.01.2026 12:00" "such as 2026-01-31T12:00:05Z"
                isRefused "ISO 8601" "" "such as"
                isRefused "s" "1769860805250" "another one"
                isRefused "s" "-1" "since 1970"
                isRefused "ms" "noon" "a number of ms since 1970"
                isRefused "s" "1e308" "a number of s since 1970"
            }

            test "a bad row is an element, and the next one comes after it" {
                match arrivals Clock.Lockstep None 0L [ header; rowAt "a" + ",1"; rowAt "b" ] with
                | [ bad; good ] ->
                    Expect.equal bad.Text "a,5,0.2,3,5,0.1,1" "as it stands in the file"
                    Expect.equal good.Position 1L "counted"
                    Expect.isOk good.Content "sound"

                    match bad.Content with
                    | Error fault -> Expect.stringContains fault.Reason ":2: 7 cells; expected 6" "named"
                    | Ok _ -> failtest "accepted"
                | other -> failtest $"{other.Length} elements"
            }

            test "a service that answered nothing has no response time, whatever stands there" {
                let silent = [ ""; "NaN"; "0"; "0.1" ]

                let found =
                    arrivals
                        Clock.Lockstep
                        None
                        0L
                        [
                            header
                            for cell in silent do
                                $"x,5,0.2,3,0,{cell}"
                        ]

                for arrival in found do
                    match arrival.Content with
                    | Ok interval -> Expect.isFalse interval.Services[0].MeanResponseTime.HasValue "none"
                    | Error fault -> failtest fault.Reason

                Expect.hasLength found silent.Length "every row"
            }

            test "a damaged file ends with an element that says so" {
                let rows =
                    String.concat
                        "\n"
                        [
                            header
                            for i in 1..20_000 do
                                rowAt (string (i * i % 7919))
                        ]

                let whole = gzip rows

                Scratch.withFolder (fun folder ->
                    let path = Path.Combine(folder, "trace.csv.gz")
                    File.WriteAllBytes(path, whole[.. whole.Length * 3 / 4])
                    let found = pulled Clock.Lockstep None 0L path
                    Expect.isGreaterThan found.Length 1000 "what is sound"

                    match (List.last found).Content with
                    | Error fault ->
                        Expect.equal fault.Kind FaultKind.Unparsable "kind"
                        Expect.stringContains fault.Reason "not readable as CSV" "reason"
                    | Ok _ -> failtest "taken for a shorter file")
            }
        ]
