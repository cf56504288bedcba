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

            test "a configuration and load level that was not recorded is named" {
                withTrace 0.0 (fun trace ->
                    let environment =
                        TraceEnvironment(
                            trace,
                            TwoNodes.grid,
                            start,
                            (fun _ -> TwoNodes.array [ RequestRate 7.0 ]),
                            RandomKey 1UL
                        )

                    Expect.throwsC (fun () -> observe environment |> ignore) (fun e ->
                        Expect.stringContains e.Message "p11=1, c1=5 at load level 7 req/s" "which"))
            }

            test "a system change swaps the trace before its cycle and keeps the configuration" {
                withTrace 0.0 (fun before ->
                    withTrace 10.0 (fun after ->
                        let environment = SystemChange(environment before 1UL, environment after 1UL, 3)

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
