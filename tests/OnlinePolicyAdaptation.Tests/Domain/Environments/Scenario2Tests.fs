module OnlinePolicyAdaptation.Tests.Environments.Scenario2Tests

open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Tests.Environments.Meshes

/// Mean response time of every configuration, over 30 intervals, at 5 req/s.
let private delays parameters =
    let start =
        StartEnvironment(fun loads configuration key ->
            SimulatedMesh(parameters, loads, Scenario2.grid, configuration, key, Scenario2.schedule))

    let trace =
        TraceRecorder
            .RecordAsync(
                start,
                Scenario2.grid,
                [ array [ RequestRate 5.0 ] ],
                30,
                RandomKey 7UL,
                CancellationToken.None
            )
            .Result

    trace
    |> Seq.groupBy (fun row -> List.ofSeq row.Metrics.Configuration.Levels)
    |> Seq.map (fun (levels, rows) -> levels, rows |> Seq.averageBy (fun row -> meanOf row.Metrics.Services[0]))
    |> Map.ofSeq

[<Tests>]
let tests =
    testList
        "Domain.Environments.SimulatedMesh.Scenario2"
        [
            testCase "the change moves the best configuration from (0, 1) to (1, 2), behind a ridge"
            <| fun () ->
                let before = delays Scenario2.beforeChange
                let after = delays Scenario2.afterChange
                let keepsBound (delays: Map<_, _>) p cores = delays[[ p; cores - 1 ]] <= 0.12
                Expect.isTrue (keepsBound before 0 1) "before, one core is enough where all goes to node 2"
                Expect.isTrue (keepsBound after 5 2) "after, two are where all goes to node 1"

                for p in 0..5 do
                    Expect.isFalse (keepsBound after p 1) "after, one core is never enough"
                    Expect.isFalse (keepsBound after p 3) "three cores, uneven on their sockets, are a ridge"

                for cores in 1..5 do
                    Expect.isFalse (keepsBound after 0 cores) "after, node 2 misses the bound with any cores"
        ]
