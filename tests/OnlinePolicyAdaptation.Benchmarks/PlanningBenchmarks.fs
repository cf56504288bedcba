namespace OnlinePolicyAdaptation.Benchmarks

open BenchmarkDotNet.Attributes
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning

/// Scenario 1 with response times by formula: each node a processor-sharing queue. 900 states, 81 actions.
[<RequireQualifiedAccess>]
module TwoServices =

    let private orFail result =
        match result with
        | Ok value -> value
        | Error message -> invalidOp message

    let discount = Discount.create 0.99 |> orFail

    let private control name target lowest highest levels =
        Control(name, target, lowest, highest, levels)

    let private cores node =
        control $"c{node + 1}" (ControlTarget.CpuCores(EquatableArray.ToEquatableArray [ node ])) 1.0 5.0 5

    let private weight service =
        control $"p{service + 1}" (ControlTarget.RoutingWeight(service, 0)) 0.0 1.0 6

    let grid =
        ControlGrid(EquatableArray.ToEquatableArray [ cores 0; cores 1; weight 0; weight 1 ], GridEdge.Clip)

    let loads = EquatableArray.ToEquatableArray [ RequestRate 4.0; RequestRate 15.0 ]

    /// Seconds of one core that a request takes.
    let private work = [| 0.3; 0.04 |]

    let private model =
        { new IResponseTimeModel with
            member _.Predict(configuration, offered, responseTimes) =
                let value i =
                    grid.Controls[i].Value configuration.Levels[i]

                let l1, l2 = offered[0].PerSecond, offered[1].PerSecond
                let p1, p2 = value 2, value 3

                let stretch cores share1 share2 =
                    let busy = (l1 * share1 * work[0] + l2 * share2 * work[1]) / cores
                    min 20.0 (1.0 / max 0.05 (1.0 - busy))

                let first = stretch (value 0) p1 p2
                let second = stretch (value 1) (1.0 - p1) (1.0 - p2)
                responseTimes[0] <- work[0] * (p1 * first + (1.0 - p1) * second)
                responseTimes[1] <- work[1] * (p2 * first + (1.0 - p2) * second)
        }

    let private objectives =
        [ 0.95; 0.115 ]
        |> Seq.map (fun s -> ServiceLevelObjective(ResponseTime s))
        |> EquatableArray.ToEquatableArray

    let dynamics =
        let reward =
            RewardFunction(
                grid,
                objectives,
                [ [ 0; 1 ]; [ 2 ]; [ 3 ] ] |> Seq.map Seq.ofList,
                CostAt.CurrentState,
                System.Nullable()
            )

        NetworkDynamics(grid, reward, ResponseTimeTable.Of(grid, model, loads.AsSpan()))

    let tabulate () =
        NetworkModel.tabulate dynamics loads |> orFail

    let components = ActionComponents.ofGrid grid

    /// The state (2, 2, 1, 1).
    let start =
        grid.IndexOf(Configuration(EquatableArray.ToEquatableArray [ 1; 1; 5; 5 ]))

/// Planning on the table of scenario 1.
[<MemoryDiagnoser>]
type PlanningBenchmarks() =
    let model = TwoServices.tabulate ()
    let discount = TwoServices.discount

    let basePolicy =
        NetworkModel.greedy TwoServices.grid GreedyPolicy.DefaultMoveCharge model

    let baseValues = PolicyEvaluation.exact model discount basePolicy
    let order = ActionComponents.naturalOrder TwoServices.components

    let lookahead horizon =
        Lookahead.decide model discount horizon baseValues ValueNone TwoServices.start

    let multiagent horizon =
        MultiagentRollout.decide
            model
            discount
            TwoServices.components
            order
            horizon
            basePolicy
            baseValues
            TwoServices.start

    [<Benchmark>]
    member _.BuildModel() = TwoServices.tabulate ()

    [<Benchmark>]
    member _.Sweep() =
        Bellman.optimality model discount baseValues

    [<Benchmark>]
    member _.ValueIterationTo1e9() =
        DynamicProgramming.valueIteration Sweeps.Jacobi (SweepSettings.ofTheta 1e-9) model discount

    [<Benchmark>]
    member _.ValueIterationTo1e9InPlace() =
        DynamicProgramming.valueIteration Sweeps.GaussSeidel (SweepSettings.ofTheta 1e-9) model discount

    [<Benchmark>]
    member _.PolicyIteration() =
        DynamicProgramming.policyIteration model discount

    [<Benchmark>]
    member _.ModifiedPolicyIterationTo1e9() =
        DynamicProgramming.modifiedPolicyIteration 10 (SweepSettings.ofTheta 1e-9) model discount

    [<Benchmark>]
    member _.ExactEvaluation() =
        PolicyEvaluation.exact model discount basePolicy

    [<Benchmark>]
    member _.Decision1() = lookahead 1

    [<Benchmark>]
    member _.Decision2() = lookahead 2

    [<Benchmark>]
    member _.Decision3() = lookahead 3

    [<Benchmark>]
    member _.Decision10() = lookahead 10

    [<Benchmark>]
    member _.Multiagent1() = multiagent 1

    [<Benchmark>]
    member _.Multiagent2() = multiagent 2

    [<Benchmark>]
    member _.Multiagent3() = multiagent 3

    [<Benchmark>]
    member _.Multiagent4() = multiagent 4

/// Truncated rollouts by simulation: 1,000 trajectories of 20 steps each per call.
[<MemoryDiagnoser>]
type SimulationBenchmarks() =
    let model = TwoServices.tabulate ()

    let basePolicy =
        NetworkModel.greedy TwoServices.grid GreedyPolicy.DefaultMoveCharge model

    let onTable =
        {
            Model = FiniteModel.sampled model
            Discount = TwoServices.discount
            BasePolicy = fun state _ -> model.Actions[basePolicy[state]]
            Steps = 20
            Terminal = fun _ -> 0.0
        }

    let onSystemModel =
        let keep = ControlAction.Keep 4

        {
            Model = TwoServices.dynamics
            Discount = TwoServices.discount
            BasePolicy = fun (_: SystemState) _ -> keep
            Steps = 20
            Terminal = fun _ -> 0.0
        }

    let state =
        SystemState(TwoServices.grid.ConfigurationAt TwoServices.start, TwoServices.loads)

    [<Benchmark(OperationsPerInvoke = 1000)>]
    member _.TruncatedRolloutOnTable() =
        TruncatedRollout.value onTable 1000 (RandomKey 1UL) TwoServices.start

    [<Benchmark(OperationsPerInvoke = 1000)>]
    member _.TruncatedRolloutOnSystemModel() =
        TruncatedRollout.value onSystemModel 1000 (RandomKey 1UL) state
