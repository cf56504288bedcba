module OnlinePolicyAdaptation.Tests.Domain.TraceEnvironment

open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

/// A trace of three rows per configuration, whose response time is `offset` + row number.
let private withTrace offset test =
    let rows =
        [
            for configuration in TwoNodes.configurations do
                let values = TwoNodes.grid.Values configuration

                for i in 1..3 do
                    $"5,{values[0]},{values[1]},5,{offset + float i}"
        ]

    Scratch.withFile "trace.csv" (String.concat "\n" ("l1,p11,c1,cl1,d1" :: rows)) (fun path ->
        test (TestbedTrace.Read(path, TwoNodes.grid, TraceColumns.Testbed(TwoNodes.grid, 1))))

let private start = TwoNodes.configuration 1.0 5.0

let private environment trace key =
    TraceEnvironment(trace, TwoNodes.grid, start, (fun _ -> TwoNodes.load), RandomKey key)

let private observe (environment: IEnvironment) =
    environment.ObserveAsync(CancellationToken.None).AsTask().Result

let private apply (environment: IEnvironment) configuration =
    environment.ApplyAsync(configuration, CancellationToken.None).AsTask().Wait()

let private seconds (metrics: Metrics) =
    metrics.Services[0].MeanResponseTime.Value.Seconds

[<Tests>]
let tests =
    testList
        "Domain.Environments.TraceEnvironment"
        [
            test "answers with rows of the configuration in force" {
                withTrace 0.0 (fun trace ->
                    let environment = environment trace 1UL
                    let elsewhere = TwoNodes.configuration 0.8 4.0
                    Expect.equal (observe environment).Configuration start "at first"
                    apply environment elsewhere
                    Expect.equal (observe environment).Configuration elsewhere "after acting")
            }

            test "the same key draws the same rows, and in the long run every row" {
                withTrace 0.0 (fun trace ->
                    let draw key =
                        let environment = environment trace key
                        [ for _ in 1..100 -> seconds (observe environment) ]

                    Expect.equal (draw 1UL) (draw 1UL) "same key"
                    Expect.notEqual (draw 1UL) (draw 2UL) "other key"
                    Expect.equal (draw 1UL |> List.distinct |> List.sort) [ 1.0; 2.0; 3.0 ] "all rows")
            }

            test "a load is answered at the nearest level recorded of the configuration in force" {
                let rows = [ "5,1,5,5,0.1"; "15,1,5,15,0.2"; "5,0,1,5,0.3" ]

                Scratch.withFile "trace.csv" (String.concat "\n" ("l1,p11,c1,cl1,d1" :: rows)) (fun path ->
                    let trace =
                        TestbedTrace.Read(path, TwoNodes.grid, TraceColumns.Testbed(TwoNodes.grid, 1))

                    let at load configuration =
                        let loads = fun _ -> TwoNodes.array [ RequestRate load ]

                        TraceEnvironment(trace, TwoNodes.grid, configuration, loads, RandomKey 1UL)
                        |> observe
                        |> seconds

                    Expect.equal (at 7.0 start) 0.1 "nearer to 5 req/s"
                    Expect.equal (at 10.0 start) 0.1 "as near: the lower one"
                    Expect.equal (at 11.0 start) 0.2 "nearer to 15 req/s"
                    Expect.equal (at 15.0 (TwoNodes.configuration 0.0 1.0)) 0.3 "all there is"

                    Expect.throwsC (fun () -> at 5.0 (TwoNodes.configuration 0.0 2.0) |> ignore) (fun e ->
                        Expect.stringContains e.Message "no row with p11=0, c1=2" "a configuration never recorded"))
            }

            test "rows get the load level that is made of their measured load" {
                withTrace 0.0 (fun trace ->
                    let doubled =
                        trace.AtLoadLevels(fun loads ->
                            TwoNodes.array (loads |> Seq.map (fun load -> RequestRate(2.0 * load.PerSecond))))

                    Expect.all doubled.Rows (fun row -> row.LoadLevels[0].PerSecond = 10.0) "levels"
                    Expect.equal doubled.Rows[0].Services[0].OfferedLoad.PerSecond 5.0 "measured as before"
                    Expect.equal doubled.Rows.Count trace.Rows.Count "all rows")
            }

            test "a system change swaps the trace before its cycle and keeps the configuration" {
                withTrace 0.0 (fun before ->
                    withTrace 10.0 (fun after ->
                        let environment =
                            SystemSequence(
                                (fun () -> environment before 1UL),
                                [| LaterSystem(3L, (fun () -> environment after 1UL)) |]
                            )

                        let elsewhere = TwoNodes.configuration 0.8 4.0

                        let metrics =
                            [
                                for cycle in 0..5 do
                                    if cycle = 2 then
                                        apply environment elsewhere

                                    observe environment
                            ]

                        Expect.equal
                            (metrics |> List.map (fun m -> seconds m > 10.0))
                            [ false; false; false; true; true; true ]
                            "changed from cycle 3"

                        Expect.equal (metrics |> List.map _.Interval) [ 0L .. 5L ] "numbered on"
                        Expect.equal metrics[5].Configuration elsewhere "kept"))
            }
        ]
