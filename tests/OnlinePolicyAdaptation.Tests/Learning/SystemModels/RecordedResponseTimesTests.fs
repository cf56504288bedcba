module OnlinePolicyAdaptation.Tests.Learning.SystemModels.RecordedResponseTimesTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

/// Twenty rows of every configuration at every load level, measured loads varying around it.
let private trace =
    [
        "expected_l1,l1,p11,c1,cl1,d1"
        for configuration in TwoNodes.configurations do
            let values = TwoNodes.grid.Values configuration

            for level in 1..2 do
                for i in 1..20 do
                    let load = 5.0 * float level + 0.1 * float i
                    let seconds = float level * TwoNodes.responseTime 0.16 configuration
                    $"{level},{load},{values[0]},{values[1]},{load},{seconds}"
    ]
    |> String.concat "\n"

[<Tests>]
let tests =
    testList
        "Learning.RecordedResponseTimes"
        [
            test "a trace without noise is told again, by configuration and load level" {
                Scratch.withFile "trace.csv" trace (fun path ->
                    let columns = TraceColumns.Testbed(TwoNodes.grid, 1, "5 req/s")
                    let recorded = TestbedTrace.Read(path, TwoNodes.grid, columns)
                    let model = RecordedResponseTimes.Fit(recorded, TwoNodes.grid, RandomKey 1UL)
                    let seconds = [| 0.0 |]

                    for configuration in TwoNodes.configurations do
                        for level in 1..2 do
                            let loads = [| RequestRate(5.0 * float level) |]
                            model.Predict(configuration, ReadOnlySpan loads, Span seconds)
                            let expected = float level * TwoNodes.responseTime 0.16 configuration
                            Expect.floatClose Accuracy.high seconds[0] expected $"{configuration} at {level}")
            }
        ]
