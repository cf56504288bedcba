module OnlinePolicyAdaptation.Tests.Environments.TraceRecordingTests

open System
open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Tests.Environments.Meshes

let private record loadLevels intervals =
    let start =
        StartEnvironment(fun loads configuration key ->
            SimulatedMesh(Scenario2.beforeChange, loads, Scenario2.grid, configuration, key))

    TraceRecorder
        .RecordAsync(
            start,
            Scenario2.grid,
            [ for level in loadLevels -> array [ RequestRate level ] ],
            intervals,
            RandomKey 5UL,
            CancellationToken.None
        )
        .Result
    |> List.ofSeq

/// Runs a check with a new folder and the path of a file in it.
let private withFile check =
    let folder = Directory.CreateTempSubdirectory()

    try
        check folder.FullName (Path.Combine(folder.FullName, "trace.csv"))
    finally
        folder.Delete true

let private write path topology grid rows =
    TestbedTraceWriter.Write(path, topology, grid, RequestRate 5.0, rows)

/// The header, and the rows as numbers.
let private read path =
    let lines = File.ReadAllText(path).TrimEnd('\n').Split '\n'
    lines[0], [ for line in lines[1..] -> line.Split ',' |> Array.map float |> List.ofArray ]

let private twoServices =
    ControlGrid(
        array
            [
                Control("c1", ControlTarget.CpuCores(array [ 0 ]), 1.0, 5.0, 5)
                Control("c2", ControlTarget.CpuCores(array [ 1 ]), 1.0, 5.0, 5)
                Control("p11", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 6)
                Control("p21", ControlTarget.RoutingWeight(1, 0), 0.0, 1.0, 6)
                Control("block2", ControlTarget.BlockingRate 1, 0.0, 1.0, 11)
            ]
    )

[<Tests>]
let tests =
    testList
        "Domain.Environments.TraceRecording"
        [
            testCase "every configuration is observed under every load level"
            <| fun () ->
                let rows = record [ 5.0; 15.0 ] 3

                let expected =
                    [
                        for level in [ 5.0; 15.0 ] do
                            for number in 0..29 do
                                for _ in 1..3 -> level, number
                    ]

                Expect.equal
                    [
                        for row in rows -> row.LoadLevels[0].PerSecond, Scenario2.grid.IndexOf row.Metrics.Configuration
                    ]
                    expected
                    "load levels and configurations"

                Expect.equal [ for row in rows -> row.Metrics.Interval ] [ 0L .. 179L ] "intervals are numbered on"

            testCase "a configuration's rows do not depend on how long the others were recorded"
            <| fun () ->
                let firsts intervals =
                    record [ 5.0 ] intervals
                    |> List.groupBy (fun row -> row.Metrics.Configuration)
                    |> List.map (fun (_, rows) -> rows.Head.Metrics.Services)

                Expect.equal (firsts 3) (firsts 1) "first interval of every configuration"

            testCase "a trace has the testbed's columns, and its numbers read back exactly"
            <| fun () ->
                withFile (fun _ path ->
                    let rows = record [ 5.0; 15.0 ] 2
                    write path Scenario2.beforeChange.Topology Scenario2.grid rows
                    let header, cells = read path

                    Expect.equal
                        header
                        "expected_l1,l1,b1,p11,c1,cl1,d1,d1_std,d11,d12,d11_std,d12_std,drop1,d1_99,d1_90"
                        "header"

                    let expected =
                        [
                            for row in rows do
                                let service = row.Metrics.Services[0]
                                let controls = Scenario2.grid.Values row.Metrics.Configuration

                                match service.Statistics with
                                | null -> failtest "no statistics"
                                | statistics ->
                                    [
                                        row.LoadLevels[0].PerSecond / 5.0
                                        service.OfferedLoad.PerSecond
                                        0.0
                                        controls[0]
                                        controls[1]
                                        service.CarriedLoad.PerSecond
                                        meanOf service
                                        statistics.StandardDeviation.Value

                                        for node in service.Nodes do
                                            Option.ofNullable node.MeanResponseTime
                                            |> Option.fold (fun _ mean -> mean.Seconds) 0.0

                                        for node in service.Nodes do
                                            Option.ofObj node.Statistics
                                            |> Option.fold (fun _ at -> at.StandardDeviation.Value) 0.0

                                        service.FailedLoad.Value.PerSecond
                                        statistics.P99.Value.Seconds
                                        statistics.P90.Value.Seconds
                                    ]
                        ]

                    Expect.equal cells expected "cells")

            testCase "a written trace is read as it was recorded"
            <| fun () ->
                withFile (fun _ path ->
                    let rows = record [ 5.0; 15.0 ] 2
                    write path Scenario2.beforeChange.Topology Scenario2.grid rows

                    let trace =
                        TestbedTrace.Read(path, Scenario2.grid, TraceColumns.Testbed(Scenario2.grid, 1))

                    let essentials (configuration: Configuration) (service: ServiceMetrics) =
                        configuration, service.OfferedLoad, service.CarriedLoad, service.MeanResponseTime

                    Expect.equal
                        [ for row in trace.Rows -> essentials row.Configuration row.Services[0] ]
                        [
                            for row in rows -> essentials row.Metrics.Configuration row.Metrics.Services[0]
                        ]
                        "rows")

            testCase "two services have the columns twice, each with its own controls; unserved ones have zeros"
            <| fun () ->
                withFile (fun _ path ->
                    let unserved = ServiceMetrics(RequestRate 4.0, RequestRate 0.0, Nullable())

                    let served =
                        ServiceMetrics(RequestRate 15.0, RequestRate 14.0, Nullable(ResponseTime 0.25))

                    let metrics =
                        Metrics(0L, configuration [ 1; 4; 5; 0; 3 ], array [ unserved; served ])

                    write
                        path
                        (topology 2 2)
                        twoServices
                        [ RecordedInterval(array [ RequestRate 5.0; RequestRate 15.0 ], metrics) ]

                    let header, cells = read path

                    Expect.equal
                        header
                        ("expected_l1,l1,b1,p11,c1,cl1,d1,d1_std,d11,d12,d11_std,d12_std,drop1,d1_99,d1_90,"
                         + "expected_l2,l2,block2,p21,c2,cl2,d2,d2_std,d21,d22,d21_std,d22_std,drop2,d2_99,d2_90")
                        "header"

                    Expect.equal
                        cells
                        [
                            [ 1.0; 4.0; 0.0; 1.0; 2.0 ]
                            @ List.replicate 10 0.0
                            @ [ 3.0; 15.0; 0.3; 0.0; 5.0; 14.0; 0.25 ]
                            @ List.replicate 8 0.0
                        ]
                        "cells")

            testCase "where writing fails, the file stays as it was and nothing else is left"
            <| fun () ->
                withFile (fun folder path ->
                    File.WriteAllText(path, "as it was")

                    Expect.throwsT<IOException>
                        (fun () ->
                            OnlinePolicyAdaptation.Domain.AtomicFile.Write(
                                path,
                                fun text ->
                                    text.Write "half"
                                    raise (IOException "disk full")
                            ))
                        "the failure is passed on"

                    Expect.equal (File.ReadAllText path) "as it was" "content"
                    Expect.equal (Directory.GetFiles folder) [| path |] "files")
        ]
