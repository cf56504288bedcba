namespace OnlinePolicyAdaptation.Benchmarks

open System.Threading
open BenchmarkDotNet.Attributes
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments

/// Time and memory per simulated request: two services, 450 req/s each, on two nodes with 4 cores that are 60 % busy.
/// The time reported is that of one request, on average; 1 us is a million requests per second.
[<MemoryDiagnoser>]
type SimulatedMeshBenchmark() =
    let array items = EquatableArray.ToEquatableArray items

    let mesh interval =
        let node =
            NodeParameters(Cores = 4.0, LatencySeconds = 0.001, JitterSeconds = 0.0005)

        SimulatedMesh(
            MeshParameters(
                Topology(array [ "compute"; "lookup" ], array [ "node 1"; "node 2" ]),
                array
                    [
                        ServiceTime.Exponential 0.008 :> ServiceTime
                        ServiceTime.Lognormal(0.0027, 0.5)
                    ],
                array [ node; node ]
            ),
            array [ for _ in 1..2 -> LoadPattern.Constant(RequestRate 450.0) :> LoadPattern ],
            ControlGrid(
                array
                    [
                        Control("p11", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 11)
                        Control("p21", ControlTarget.RoutingWeight(1, 0), 0.0, 1.0, 11)
                    ]
            ),
            Configuration(array [ 5; 5 ]),
            RandomKey 1UL,
            MonitoringSchedule(IntervalSeconds = interval)
        )

    let controlled = mesh 5.0
    let longRun = mesh 500.0

    let observe (mesh: SimulatedMesh) =
        mesh.ObserveAsync(CancellationToken.None).Result

    /// A monitoring interval of 5 s, as in a control cycle.
    [<Benchmark(OperationsPerInvoke = 4_500)>]
    member _.MonitoringInterval() = observe controlled

    /// A long run, where the response times no longer fit the cache.
    [<Benchmark(OperationsPerInvoke = 450_000)>]
    member _.LongRun() = observe longRun
