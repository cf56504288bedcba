/// Small random meshes, and what they go through.
module OnlinePolicyAdaptation.Tests.Environments.MeshRuns

open System
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Tests.Environments.Meshes

/// A small mesh and the configurations that it goes through, one per interval.
[<NoComparison>]
type Run =
    {
        Parameters: MeshParameters
        Loads: LoadPattern list
        Grid: ControlGrid
        Configurations: Configuration list
        Schedule: MonitoringSchedule
        Key: RandomKey
    }

    member run.Start() =
        SimulatedMesh(run.Parameters, array run.Loads, run.Grid, run.Configurations.Head, run.Key, run.Schedule)

    /// The metrics of the intervals, one under each configuration.
    member run.Observe(mesh: SimulatedMesh) =
        [
            for configuration in run.Configurations do
                apply mesh (List.ofSeq configuration.Levels)
                observe mesh
        ]

let private serviceTimes: Gen<ServiceTime> =
    gen {
        let! mean = Gen.elements [ 0.02; 0.05; 0.2 ]

        return!
            Gen.elements
                [
                    ServiceTime.Deterministic mean :> ServiceTime
                    ServiceTime.Exponential mean
                    ServiceTime.Lognormal(mean, 2.0)
                ]
    }

let private loads: Gen<LoadPattern> =
    Gen.elements
        [
            constant 0.0
            constant 12.0
            LoadPattern.Recorded(array [ RequestRate 20.0; RequestRate 2.0 ], 4.0)
            LoadPattern.RandomSteps(array [ RequestRate 3.0; RequestRate 15.0 ], 3.0, RandomKey 1UL)
            LoadPattern.Sine(RequestRate 8.0, RequestRate 10.0, 7.0, 0.0)
        ]

let private nodes =
    gen {
        let! speed = Gen.elements [ 0.4; 1.0; 1.5 ]
        let! speedByCores = Gen.elements [ []; [ 1.0; 0.7; 1.1 ] ]
        let! cores = Gen.elements [ 0.5; 1.0; 2.0 ]
        let! latency = Gen.elements [ 0.0; 0.01 ]
        let! jitter = Gen.elements [ 0.0; 0.005 ]
        let! capacity = Gen.elements [ Nullable(); Nullable 1; Nullable 5 ]

        return
            NodeParameters(
                Speed = speed,
                SpeedByCores = array speedByCores,
                Cores = cores,
                LatencySeconds = latency,
                JitterSeconds = jitter,
                Capacity = capacity
            )
    }

/// Some of the controls that the mesh can have, never none.
let private grids services nodes =
    Control("c1", ControlTarget.CpuCores(array [ 0 .. nodes - 1 ]), 0.5, 2.5, 5)
    :: [
        for service in 0 .. services - 1 do
            Control($"b{service + 1}", ControlTarget.BlockingRate service, 0.0, 0.4, 3)

            for node in 0 .. nodes - 1 do
                Control($"p{service + 1}{node + 1}", ControlTarget.RoutingWeight(service, node), 0.0, 1.0, 3)
    ]
    |> Gen.subListOf
    |> Gen.filter (List.isEmpty >> not)
    |> Gen.map (fun controls -> ControlGrid(array controls))

let private runs =
    gen {
        let! services = Gen.choose (1, 2)
        let! nodeCount = Gen.choose (1, 3)
        let! serviceTimes = Gen.listOfLength services serviceTimes
        let! loads = Gen.listOfLength services loads
        let! nodes = Gen.listOfLength nodeCount nodes
        let! grid = grids services nodeCount

        let! configurations =
            Gen.listOfLength 4 (Gen.choose (0, grid.ConfigurationCount - 1))

        let! settling = Gen.elements [ 0.0; 3.0 ]
        let! key = Gen.choose (0, 1_000_000)

        return
            {
                Parameters = parameters serviceTimes nodes
                Loads = loads
                Grid = grid
                Configurations = configurations |> List.map grid.ConfigurationAt
                Schedule = MonitoringSchedule(SettlingSeconds = settling)
                Key = RandomKey(uint64 key)
            }
    }
    |> Arb.fromGen

/// A property of every run.
let forAllRuns (check: Run -> unit) = Prop.forAll runs check
