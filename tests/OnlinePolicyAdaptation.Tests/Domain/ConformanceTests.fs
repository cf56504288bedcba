/// What every policy, system model and environment must do, whoever wrote it. A new one is added to the lists below.
module OnlinePolicyAdaptation.Tests.Domain.ConformanceTests

open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

let private grid = TwoNodes.grid

/// Response times by the formula, with node 2 at 0.08 s.
let private formula =
    { new IResponseTimeModel with
        member _.Predict(configuration, _, responseTimes) =
            responseTimes[0] <- TwoNodes.responseTime 0.08 configuration
    }

let private dynamics = NetworkDynamics(grid, TwoNodes.reward, formula)

let private policies: (string * IPolicy<SystemState, ControlAction>) list =
    [
        "tabular", TwoNodes.constantPolicy [ 1; -1 ]
        "greedy", GreedyPolicy(dynamics, grid, GreedyPolicy.DefaultMoveCharge)
        "random", RandomPolicy()
        "static", StaticPolicy()
        "rule",
        RulePolicy(
            grid,
            [
                Rule(TwoNodes.array [ RuleCondition(false, 1, 3.0, infinity) ], TwoNodes.array [ struct (1, -1) ])
                Rule(TwoNodes.array [], TwoNodes.array [ struct (0, 1); struct (1, 1) ])
            ]
        )
        "threshold",
        ThresholdPolicy(
            grid,
            Topology(TwoNodes.array [ "s" ], TwoNodes.array [ "n1"; "n2" ]),
            ThresholdOptions(TwoNodes.array [ 0.4 ])
        )
        "optimal", OptimalPolicy.create grid TwoNodes.reward TwoNodes.discount formula
        "network, likeliest", Networks.policy (RandomKey 1UL) ActionSelection.Likeliest
        "network, sampled", Networks.policy (RandomKey 1UL) ActionSelection.Sampled
    ]

let private models: (string * ISystemModel<SystemState, ControlAction>) list =
    [ "network dynamics", dynamics ]

let private start = TwoNodes.configuration 0.4 3.0

/// Each given the key of all its randomness, starting in `start`.
let private environments: (string * (RandomKey -> IEnvironment)) list =
    let scenario =
        lazy
            (match Scenario.load (Path.Combine(Repository.folder, "scenarios", "2-system-change")) with
             | Ok scenario -> scenario
             | Error message -> failtest message)

    let recorded path (key: RandomKey) : IEnvironment =
        match path scenario.Value with
        | None -> failtest "scenario 2 has two traces"
        | Some path ->
            let trace = TestbedTrace.Read(path, grid, scenario.Value.Experiment.Columns)
            TraceEnvironment(trace, grid, start, (fun _ -> TwoNodes.load), key)

    let simulated (key: RandomKey) : IEnvironment =
        match scenario.Value.Simulation with
        | None -> failtest "scenario 2 describes no simulated mesh"
        | Some simulation ->
            let loads: LoadPattern list = [ LoadPattern.Constant(RequestRate 5.0) ]
            SimulatedMesh(simulation.Mesh, TwoNodes.array loads, grid, start, key, simulation.Recording.Schedule)

    [
        "recorded trace", recorded _.Experiment.TraceBefore
        "simulated mesh", simulated
        "system change",
        fun key ->
            SystemSequence(
                (fun () -> recorded _.Experiment.TraceBefore (key.Split 0)),
                [|
                    LaterSystem(5L, (fun () -> recorded _.Experiment.TraceAfter (key.Split 1)))
                |]
            )
    ]

let private states =
    [
        for configuration in TwoNodes.configurations -> SystemState(configuration, TwoNodes.load)
    ]

/// Only keeping is allowed for one of the controls, besides what the grid's edge masks.
let private restricted (mask: ActionMask) control =
    ActionMask(
        TwoNodes.array
            [
                for i in 0 .. mask.Components - 1 -> if i = control then 0b010UL else mask.Allowed[i]
            ]
    )

/// One of the controls may only move down, or only up: what no grid masks, but a caller may.
let private forced (mask: ActionMask) control choice =
    ActionMask(
        TwoNodes.array
            [
                for i in 0 .. mask.Components - 1 -> if i = control then choice else mask.Allowed[i]
            ]
    )

let private conformingPolicy (name, policy: IPolicy<SystemState, ControlAction>) =
    testList
        $"the {name} policy"
        [
            test "never takes a masked action" {
                for state in states do
                    let mask = grid.Mask state.Configuration

                    for mask in
                        [
                            mask
                            restricted mask 0
                            restricted mask 1
                            forced mask 0 0b001UL
                            forced mask 1 0b100UL
                        ] do
                        for key in 0..4 do
                            let action = policy.Act(state, mask, RandomKey(uint64 key))
                            Expect.isTrue (action.IsAllowedBy mask) $"{action.Moves} in {state.Configuration.Levels}"
            }

            test "takes the same action for the same state, mask and key" {
                for state in states do
                    let act () =
                        policy.Act(state, grid.Mask state.Configuration, RandomKey 7UL)

                    Expect.equal (act ()) (act ()) "same"
            }

            test "takes the same actions from many threads, in any order" {
                let act (state: SystemState) =
                    policy.Act(state, grid.Mask state.Configuration, RandomKey 7UL)

                let expected = states |> List.map act |> List.toArray

                let actual =
                    states |> List.rev |> List.toArray |> Array.Parallel.map act |> Array.rev

                Expect.equal actual expected "same"
            }
        ]

let private conformingModel (name, model: ISystemModel<SystemState, ControlAction>) =
    testList
        $"the system model {name}"
        [
            test "has admissible actions in every state, and stays on the grid by each of them" {
                for state in states do
                    let actions = model.AdmissibleActions state
                    Expect.isGreaterThan actions.Count 0 "at least one"

                    for action in actions do
                        let transition = model.Sample(state, action, RandomKey 3UL)
                        Expect.isTrue (grid.Contains transition.Next.Configuration) "on the grid"
                        Expect.isTrue (System.Double.IsFinite transition.Reward) "finite reward"
            }

            test "gives the same transition for the same key, and the same actions in the same order" {
                for state in states do
                    Expect.sequenceEqual (model.AdmissibleActions state) (model.AdmissibleActions state) "same order"

                    for action in model.AdmissibleActions state do
                        let sample () =
                            model.Sample(state, action, RandomKey 3UL)

                        Expect.equal (sample ()) (sample ()) "same"
            }
        ]

let private conformingEnvironment (name, create: RandomKey -> IEnvironment) =
    /// Visits some configurations; the metrics of each interval.
    let visit key =
        let environment = create (RandomKey key)

        [
            for target in [ start; TwoNodes.configuration 0.2 2.0; TwoNodes.configuration 1.0 5.0 ] do
                // Applying twice is as good as once.
                for _ in 1..2 do
                    environment.ApplyAsync(target, CancellationToken.None).AsTask().Wait()

                for _ in 1..3 do
                    target, environment.ObserveAsync(CancellationToken.None).AsTask().Result
        ]

    testList
        $"the environment {name}"
        [
            test "reports the configuration that was applied, on the grid" {
                for target, metrics in visit 1UL do
                    Expect.equal metrics.Configuration target "in force"
            }

            test "numbers its intervals from 0" {
                Expect.equal (visit 1UL |> List.map (fun (_, m) -> m.Interval)) [ 0L .. 8L ] "in order"
            }

            test "measures the same under the same key" {
                Expect.equal (visit 1UL) (visit 1UL) "same"
                Expect.notEqual (visit 1UL) (visit 2UL) "another key, other numbers"
            }
        ]

[<Tests>]
let tests =
    testList
        "Domain.Conformance"
        [
            yield! List.map conformingPolicy policies
            yield! List.map conformingModel models
            yield! List.map conformingEnvironment environments
        ]
