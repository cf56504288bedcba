namespace OnlinePolicyAdaptation.Benchmarks

open System
open BenchmarkDotNet.Attributes
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Planning

/// A mesh of any size, service i on nodes i and i + 1 of a ring: two routing weights per service and a CPU level per node.
/// The response time of each service comes from a forest of 120 trees over its neighbourhood of nine to eleven controls.
[<RequireQualifiedAccess>]
module ForestRing =

    let private array (items: 'a seq) = EquatableArray.ToEquatableArray items

    let grid services =
        let weight service node =
            Control($"p{service}_{node}", ControlTarget.RoutingWeight(service, node), 0.0, 1.0, 6)

        let cores node =
            Control($"c{node}", ControlTarget.CpuCores(array [ node ]), 1.0, 5.0, 5)

        ControlGrid(
            array
                [
                    for service in 0 .. services - 1 do
                        weight service service
                        weight service ((service + 1) % services)
                        cores service
                ]
        )

    /// A response time that grows with the weights around a node and falls with its cores.
    let private seconds services (levels: int[]) service =
        let node i =
            let before = (i + services - 1) % services

            0.02 * float (1 + levels[3 * i] + levels[3 * before + 1])
            / float (1 + levels[3 * i + 2])

        node service + node ((service + 1) % services)

    let private measurements services (grid: ControlGrid) (key: RandomKey) =
        [
            for row in 0..199 do
                let mutable sequence = key.Split(row: int).Sequence()
                let levels = [| for control in grid.Controls -> sequence.NextInt control.Levels |]

                LocalForestResponseTimes.Measurement(
                    array levels,
                    array (Array.create services (RequestRate 5.0)),
                    array (Array.init services (seconds services levels))
                )
        ]

    let model services : ILocalModel =
        let grid = grid services
        let key = RandomKey 1UL

        let responseTimes =
            LocalForestResponseTimes.Fit(
                grid,
                services,
                ResizeArray(measurements services grid (key.Split 0)),
                ForestOptions(),
                key.Split 1
            )

        let reward =
            RewardFunction(
                grid,
                array (Array.create services (ServiceLevelObjective(ResponseTime 0.1))),
                [ seq { 2..3 .. 3 * services - 1 } ],
                CostAt.NextState,
                Nullable()
            )

        LocalNetworkDynamics(grid, reward, responseTimes, ReadOnlySpan(Array.create services (RequestRate 5.0)))

    let keep =
        { new ILocalPolicy with
            member _.Move(_, _) = 0
            member _.Dependents _ = ReadOnlySpan.Empty
        }

/// A multiagent one-step decision by the number of services, each with three controls; the leaves follow the base policy
/// for some more steps.
[<MemoryDiagnoser>]
type LocalRolloutBenchmarks() =
    let mutable model = Unchecked.defaultof<ILocalModel>
    let mutable state: int[] = [||]

    [<Params(6, 21, 201, 2001)>]
    member val Controls = 6 with get, set

    [<Params(0, 5)>]
    member val Steps = 0 with get, set

    [<GlobalSetup>]
    member this.Setup() =
        model <- ForestRing.model (this.Controls / 3)
        state <- Array.create this.Controls 2

    [<Benchmark>]
    member this.Decision() =
        LocalMultiagentRollout.decide
            model
            ForestRing.keep
            TwoServices.discount
            (Array.init state.Length id)
            this.Steps
            (fun _ -> 0.0)
            state
