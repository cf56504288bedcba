/// Small simulated meshes for the tests.
module OnlinePolicyAdaptation.Tests.Environments.Meshes

open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments

let array (items: 'item seq) = EquatableArray.ToEquatableArray items

let topology services nodes =
    Topology(array [ for i in 1..services -> $"service {i}" ], array [ for j in 1..nodes -> $"node {j}" ])

let parameters (serviceTimes: ServiceTime list) (nodes: NodeParameters list) =
    MeshParameters(topology serviceTimes.Length nodes.Length, array serviceTimes, array nodes)

let constant requestsPerSecond : LoadPattern =
    LoadPattern.Constant(RequestRate requestsPerSecond)

let configuration (levels: int list) = Configuration(array levels)

let observe (mesh: SimulatedMesh) =
    mesh.ObserveAsync(CancellationToken.None).AsTask().Result

let apply (mesh: SimulatedMesh) levels =
    mesh.ApplyAsync(configuration levels, CancellationToken.None).AsTask().Wait()

let every seconds =
    MonitoringSchedule(IntervalSeconds = seconds)

/// Mean response time in seconds; fails the test where nothing was served.
let meanOf (service: ServiceMetrics) =
    match Option.ofNullable service.MeanResponseTime with
    | Some mean -> mean.Seconds
    | None -> Expecto.Tests.failtest "nothing was served"

/// One node with 1, 2, ... 8 cores (level 0, 1, ... 7).
let coresGrid =
    ControlGrid(array [ Control("c1", ControlTarget.CpuCores(array [ 0 ]), 1.0, 8.0, 8) ])

/// One service on one node, observed for a single long interval.
let observeSingleNode serviceTime load cores seconds key =
    SimulatedMesh(
        parameters [ serviceTime ] [ NodeParameters() ],
        array [ constant load ],
        coresGrid,
        configuration [ cores - 1 ],
        key,
        every seconds
    )
    |> observe
    |> fun metrics -> metrics.Services[0]
