module OnlinePolicyAdaptation.Tests.Domain.TestbedTrace

open System
open Expecto
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private columns = TraceColumns.Testbed(TwoNodes.grid, 1)

let private header = "expected_l1,l1,b1,p11,c1,cl1,d1"

let private read path =
    TestbedTrace.Read(path, TwoNodes.grid, columns)

let private withTrace (rows: string list) test =
    Scratch.withFile "trace.csv" (String.concat "\n" rows + "\n") test

/// Reading these rows fails with a message that holds all of the parts.
let private refuses name rows (parts: string list) =
    testCase name (fun () ->
        withTrace rows (fun path ->
            Expect.throwsC (fun () -> read path |> ignore) (fun e ->
                Expect.isTrue (e :? BadInputException) $"{e.GetType().Name}: {e.Message}"
                Expect.stringContains e.Message path "names the file"

                for part in parts do
                    Expect.stringContains e.Message part "names place and value")))

let private row = "1,5,0,0.2,3,5,0.1"

[<Tests>]
let tests =
    testList
        "Domain.Environments.TestbedTrace"
        [
            test "a row becomes a configuration on the grid with its metrics" {
                withTrace [ header; row ] (fun path ->
                    let trace = read path
                    let read = Expect.hasLength trace.Rows 1 "one row" |> fun () -> trace.Rows[0]
                    Expect.equal read.Configuration (TwoNodes.configuration 0.2 3.0) "p11 = 0.2, c1 = 3"
                    Expect.equal read.Line 2 "below the header"

                    Expect.equal
                        read.Services[0]
                        (ServiceMetrics(RequestRate 5.0, RequestRate 5.0, ResponseTime 0.1))
                        "measured")
            }

            test "columns are found by name, in any order and among others" {
                withTrace [ "d1,note,c1,cl1,p11,l1"; "0.1,hello,3,5,0.2,5" ] (fun path ->
                    Expect.equal (read path).Rows[0].Configuration (TwoNodes.configuration 0.2 3.0) "as declared")
            }

            test "declared units are converted" {
                let mapping =
                    TraceColumns(
                        TwoNodes.array [ TraceColumn("weight", "%"); TraceColumn("cpu", "millicores") ],
                        TwoNodes.array
                            [
                                ServiceColumns(
                                    TraceColumn("l", "req/s"),
                                    TraceColumn("cl", "req/s"),
                                    TraceColumn("d", "ms"),
                                    LoadLevel = TraceColumn("level", "5 req/s")
                                )
                            ]
                    )

                withTrace [ "level,l,cl,weight,cpu,d"; "2,11,10,60,4000,250" ] (fun path ->
                    let row = TestbedTrace.Read(path, TwoNodes.grid, mapping).Rows[0]
                    Expect.equal row.Configuration (TwoNodes.configuration 0.6 4.0) "percent and millicores"
                    Expect.equal row.LoadLevels (TwoNodes.array [ RequestRate 10.0 ]) "2 times 5 req/s"
                    Expect.equal row.Services[0].MeanResponseTime (System.Nullable(ResponseTime 0.25)) "milliseconds")
            }

            test "a row with nothing served is left out and counted" {
                withTrace [ header; row; "1,5,0,0.2,3,0,0"; row ] (fun path ->
                    let trace = read path
                    Expect.hasLength trace.Rows 2 "the others"
                    Expect.equal trace.RowsWithoutService 1 "counted")
            }

            test "whatever stands for the response time of a service that was silent, the row is left out and counted" {
                let silent =
                    [ ""; "NaN"; "nan"; "NA"; "N/A"; "null"; "None"; "-"; "-nan"; "0"; "0.1" ]

                withTrace
                    [
                        header
                        row
                        for cell in silent do
                            $"1,5,0,0.2,3,0,{cell}"
                    ]
                    (fun path ->
                        let trace = read path
                        Expect.hasLength trace.Rows 1 "the other"
                        Expect.equal trace.RowsWithoutService silent.Length "counted")
            }

            test "times are read, and grow" {
                let columns =
                    TraceColumns(columns.Controls, columns.Services, Time = TraceColumn("t", "ISO 8601"))

                let read times =
                    let rows = times |> List.map (fun time -> $"{row},{time}")
                    let mutable found = []

                    withTrace (header + ",t" :: rows) (fun path ->
                        let trace = TestbedTrace.Read(path, TwoNodes.grid, columns)
                        found <- [ for row in trace.Rows -> row.Time.Value.ToUnixTimeSeconds() ])

                    found

                Expect.equal
                    (read [ "1970-01-01T00:00:01Z"; "1970-01-01T01:00:02+01:00"; "1970-01-02T00:00:00Z" ])
                    [ 1L; 2L; 86400L ]
                    "in Unix seconds"

                for second in [ "1970-01-01T00:00:02Z"; "1970-01-01T00:00:01Z" ] do
                    Expect.throwsC (fun () -> read [ "1970-01-01T00:00:02Z"; second ] |> ignore) (fun e ->
                        for part in
                            [
                                ":3: column t: "
                                $"'{second}'"
                                "after 1970-01-01T00:00:02.0000000+00:00 in line 2"
                            ] do
                            Expect.stringContains e.Message part "names line and both times")
            }

            test "a unit of time that there is not is refused" {
                let columns =
                    TraceColumns(columns.Controls, columns.Services, Time = TraceColumn("l1", "hours"))

                withTrace [ header; row ] (fun path ->
                    Expect.throwsC (fun () -> TestbedTrace.Read(path, TwoNodes.grid, columns) |> ignore) (fun e ->
                        Expect.stringContains e.Message "column l1: unknown unit 'hours' of a time" "named"))
            }

            test "of a silent service among several the response time alone is missing" {
                let grid = TwoNodes.grid
                let columns = TraceColumns.Testbed(grid, 2)

                withTrace [ "l1,cl1,d1,l2,cl2,d2,p11,c1"; "5,5,0.1,7,0,,0.2,3" ] (fun path ->
                    use reader = TraceReader.Open(path, grid, columns)
                    Expect.isTrue (reader.Read()) "a row"

                    Expect.equal
                        (List.ofSeq (reader.Row().Services))
                        [
                            ServiceMetrics(RequestRate 5.0, RequestRate 5.0, ResponseTime 0.1)
                            ServiceMetrics(RequestRate 7.0, RequestRate 0.0, Nullable())
                        ]
                        "services")
            }

            test "finer statistics may be blank where nothing was served, and of a node that answered nothing" {
                let column name = TraceColumn(name, "s")

                let statistics =
                    StatisticsColumns(
                        column "sd",
                        column "p90",
                        column "p99",
                        TwoNodes.array [ column "n1"; column "n2" ],
                        TwoNodes.array [ column "s1"; column "s2" ],
                        TraceColumn("drop", "req/s")
                    )

                let service =
                    ServiceColumns(
                        TraceColumn("l1", "req/s"),
                        TraceColumn("cl1", "req/s"),
                        column "d1",
                        Statistics = statistics
                    )

                let columns = TraceColumns(columns.Controls, TwoNodes.array [ service ])
                let header = "p11,c1,l1,cl1,d1,sd,p90,p99,n1,n2,s1,s2,drop"

                let read row =
                    let mutable found = None

                    withTrace [ header; row ] (fun path ->
                        use reader = TraceReader.Open(path, TwoNodes.grid, columns)
                        reader.Read() |> ignore
                        found <- Some(reader.Row().Services[0]))

                    found.Value

                let answering (seconds: float) (deviation: float) =
                    ServiceAtNode(
                        MeanResponseTime = ResponseTime seconds,
                        Statistics = ResponseTimeStatistics(StandardDeviation = Nullable deviation)
                    )

                Expect.equal
                    (read "0.2,3,5,5,0.1,0.01,0.2,0.3,,0.1,NaN,0.02,1")
                    (ServiceMetrics(
                        RequestRate 5.0,
                        RequestRate 5.0,
                        ResponseTime 0.1,
                        FailedLoad = RequestRate 1.0,
                        Statistics =
                            ResponseTimeStatistics(
                                StandardDeviation = 0.01,
                                P90 = ResponseTime 0.2,
                                P99 = ResponseTime 0.3
                            ),
                        Nodes = TwoNodes.array [ ServiceAtNode(); answering 0.1 0.02 ]
                    ))
                    "node 1 answered nothing"

                Expect.equal
                    (read "0.2,3,5,0,,,,NaN,,,,,4")
                    (ServiceMetrics(
                        RequestRate 5.0,
                        RequestRate 0.0,
                        Nullable(),
                        FailedLoad = RequestRate 4.0,
                        Nodes = TwoNodes.array [ ServiceAtNode(); ServiceAtNode() ]
                    ))
                    "nothing served"

                Expect.throwsC (fun () -> read "0.2,3,5,5,0.1,0.01,,0.3,0,0.1,0,0.02,1" |> ignore) (fun e ->
                    Expect.stringContains e.Message ":2: column p90: '' is not a number, though cl1 is 5" "served")
            }

            test "what is written in the testbed's format reads back exactly" {
                Scratch.withFolder (fun folder ->
                    let path = System.IO.Path.Combine(folder, "trace.csv")
                    let topology = Topology(TwoNodes.array [ "s" ], TwoNodes.array [ "n1"; "n2" ])

                    let intervals =
                        TwoNodes.configurations
                        |> List.mapi (fun i configuration ->
                            let seconds = ValueSome(TwoNodes.responseTime (1.0 / 3.0) configuration)
                            RecordedInterval(TwoNodes.load, TwoNodes.metrics i configuration seconds))

                    TestbedTraceWriter.Write(path, topology, TwoNodes.grid, RequestRate 5.0, intervals)
                    let rows = (read path).Rows

                    Expect.sequenceEqual
                        (rows |> Seq.map (fun r -> r.Configuration, r.Services))
                        (intervals |> Seq.map (fun i -> i.Metrics.Configuration, i.Metrics.Services))
                        "every row"

                    TestbedTraceWriter.Write(path, topology, TwoNodes.grid, RequestRate 5.0, intervals, false)

                    Expect.equal
                        (System.IO.File.ReadLines path |> Seq.head)
                        "expected_l1,l1,b1,p11,c1,cl1,d1"
                        "without the finer statistics"

                    Expect.hasLength (read path).Rows rows.Count "still readable")
            }

            test "an empty file is refused" {
                Scratch.withFile "trace.csv" "" (fun path ->
                    Expect.throwsC (fun () -> read path |> ignore) (fun e ->
                        Expect.stringContains e.Message $"{path}: the file is empty" "named"))
            }

            refuses "a blank file" [ "" ] [ "the file is empty" ]
            refuses "a header without rows" [ header ] [ "a header and no row" ]
            refuses "rows without service alone" [ header; "1,5,0,0.2,3,0,NaN" ] [ "no row in which" ]
            refuses "a missing column" [ "l1,p11,c1,cl1"; "5,0.2,3,5" ] [ ":1:"; "'d1' is missing"; "l1, p11, c1, cl1" ]
            refuses "a column that is there twice" [ header + ",d1"; row + ",0.2" ] [ ":1:"; "'d1'"; "more than once" ]
            refuses "a text in place of a number" [ header; row; "1,5,0,0.2,3,5,fast" ] [ ":3:"; "d1"; "'fast'" ]
            refuses "NaN" [ header; "1,5,0,0.2,3,5,NaN" ] [ ":2:"; "d1"; "'NaN'"; "though cl1 is 5" ]
            refuses "no response time" [ header; "1,5,0,0.2,3,5," ] [ ":2:"; "d1"; "''"; "though cl1 is 5" ]
            refuses "NaN as a load" [ header; "1,5,0,0.2,3,NaN,NaN" ] [ ":2:"; "cl1"; "'NaN'" ]
            refuses "a row that goes on" [ header; row + ",1" ] [ ":2:"; "8 cells"; "expected 7" ]
            refuses "infinity" [ header; "1,5,0,0.2,3,5,1e999" ] [ ":2:"; "d1"; "'1e999'" ]
            refuses "a negative load" [ header; "1,-5,0,0.2,3,5,0.1" ] [ ":2:"; "l1"; "'-5'" ]
            refuses "a negative response time" [ header; "1,5,0,0.2,3,5,-0.1" ] [ ":2:"; "d1"; "'-0.1'" ]
            refuses "a routing weight above 1" [ header; "1,5,0,1.2,3,5,0.1" ] [ ":2:"; "p11"; "'1.2'"; "at most 1" ]
            refuses "a weight between grid values" [ header; "1,5,0,0.3,3,5,0.1" ] [ ":2:"; "p11"; "'0.3'"; "grid" ]
            refuses "cores beyond the grid" [ header; "1,5,0,0.2,9,5,0.1" ] [ ":2:"; "c1"; "'9'"; "grid" ]
            refuses "a row that ends early" [ header; "1,5,0,0.2" ] [ ":2:"; "4 cells"; "expected 7" ]

            test "a missing file is named" {
                Expect.throwsC (fun () -> read "no-such.csv" |> ignore) (fun e ->
                    Expect.stringContains e.Message "no-such.csv: no such file" "named")
            }

            Shared.test "the published traces are read whole" "traces" (fun folder ->
                for file, rows, withoutService in
                    [
                        "scenario2_before_change.csv", 4451, 49
                        "scenario2_after_change.csv", 2947, 132
                    ] do
                    let trace = read (System.IO.Path.Combine(folder, file))
                    Expect.hasLength trace.Rows rows file
                    Expect.equal trace.RowsWithoutService withoutService file)
        ]
