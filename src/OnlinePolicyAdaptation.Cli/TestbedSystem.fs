/// A scenario's testbed: its processes, what happens to them, its load.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedSystem

open System
open System.Collections.Generic
open System.IO
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Testbed
open OnlinePolicyAdaptation.Testbed.LoadGeneration
open OnlinePolicyAdaptation.Testbed.Nodes
open OnlinePolicyAdaptation.Testbed.Processes

/// The section of the scenario, or an error.
let part (scenario: Scenario) =
    match scenario.Live.Testbed with
    | Some testbed -> Ok testbed
    | None -> Error $"scenario {scenario.Name} has no field live.testbed: there is no testbed to start"

/// A node as it is built, before any control is set.
let private asBuilt (node: TestbedNode) (cores: float) =
    NodeState(cores, node.Slowdown, Dictionary())

/// The cores of a node in a configuration, where a control sets them.
let private cores (grid: ControlGrid) (configuration: Configuration) node =
    grid.Controls
    |> Seq.indexed
    |> Seq.tryPick (fun (i, control) ->
        match control.Target with
        | :? ControlTarget.CpuCores as cores when Seq.contains node cores.Nodes ->
            Some(control.Value configuration.Levels[i])
        | _ -> None)

let private plan (scenario: Scenario) (testbed: TestbedPart) =
    let system = scenario.System

    TestbedPlan(
        [|
            for name, service in Seq.zip system.Topology.Services testbed.Services ->
                ServiceWork(
                    name,
                    (if service.IsInformation then
                         WorkKind.Information
                     else
                         WorkKind.Compute),
                    service.WorkMilliseconds,
                    service.SquaredVariation
                )
        |],
        [|
            for i, (name, node) in Seq.indexed (Seq.zip system.Topology.Nodes testbed.Nodes) ->
                NodePlan(
                    name,
                    node.Port,
                    asBuilt node (cores system.Grid system.Start i |> Option.defaultValue node.Cores)
                )
        |],
        testbed.CoreShare,
        (if testbed.HasHaProxy then
             FrontKind.HaProxy
         else
             FrontKind.Embedded),
        testbed.FrontPort,
        uint64 testbed.Recording.Seed
    )

/// Starts the processes, with the configuration of the scenario's start in force.
let start (scenario: Scenario) testbed (cancellation: CancellationToken) =
    task {
        let host =
            HostCommand.OfThisProgram(Path.Combine(AppContext.BaseDirectory, "opar.dll"))

        let! processes =
            TestbedProcesses.StartAsync(host, plan scenario testbed, Terminal.tell, cancellation)

        do!
            TestbedActuator(processes, scenario.System.Topology, scenario.System.Grid)
                .ApplyAsync(scenario.System.Start, cancellation)

        return processes
    }

/// Makes a change to the processes.
let change
    (scenario: Scenario)
    (testbed: TestbedPart)
    (processes: TestbedProcesses)
    (cancellation: CancellationToken)
    (change: TestbedChange)
    : Task =
    match change with
    | TestbedChange.Slowdown(node, factor) ->
        let built = testbed.Nodes[node].Slowdown

        processes.ChangeNodeAsync(
            node,
            (fun state -> NodeState(state.CpuCores, built * factor, state.WorkFactors)),
            cancellation
        )
    | TestbedChange.Work(service, factor) ->
        let name = scenario.System.Topology.Services[service]

        task {
            for node in 0 .. testbed.Nodes.Length - 1 do
                do!
                    processes.ChangeNodeAsync(
                        node,
                        (fun state ->
                            let factors = Dictionary state.WorkFactors
                            factors[name] <- factor
                            NodeState(state.CpuCores, state.Slowdown, factors)),
                        cancellation
                    )
        }
    | TestbedChange.Gone node -> task { processes.RemoveNode node }
    | TestbedChange.Back node -> task { processes.ReturnNode node }

/// Undoes all changes.
let restore scenario (testbed: TestbedPart) (processes: TestbedProcesses) (cancellation: CancellationToken) =
    task {
        for node in 0 .. testbed.Nodes.Length - 1 do
            do! change scenario testbed processes cancellation (TestbedChange.Back node)

            do! processes.ChangeNodeAsync(node, (fun state -> asBuilt testbed.Nodes[node] state.CpuCores), cancellation)
    }

/// Makes the changes that the experiment has before a cycle.
let scheduled scenario testbed processes (cycle: int64) (cancellation: CancellationToken) : Task =
    task {
        for changed in scenario.Experiment.Changes do
            if int64 changed.FromCycle = cycle then
                for one in changed.Testbed do
                    do! change scenario testbed processes cancellation one
    }

/// Offers loads to the front, once the generator is warm.
let load (scenario: Scenario) (processes: TestbedProcesses) (patterns: LoadPattern seq) (key: RandomKey) =
    WarmUp.RunAsync(CancellationToken.None).GetAwaiter().GetResult()
    TestbedLoad.Start(processes.FrontAddress, Seq.toArray scenario.System.Topology.Services, Seq.toArray patterns, key)

/// The testbed under a load, to be observed and acted on.
let environment
    (scenario: Scenario)
    (testbed: TestbedPart)
    processes
    load
    (beforeCycle: int64 -> CancellationToken -> Task)
    =
    TestbedEnvironment(
        processes,
        scenario.System.Topology,
        scenario.System.Grid,
        load,
        testbed.Schedule,
        Func<_, _, _>(beforeCycle),
        Terminal.tell
    )

/// What is left of so many cycles, in words.
let remaining (testbed: TestbedPart) cycles =
    let left = TimeSpan.FromSeconds(float cycles * testbed.SecondsPerCycle)
    let text = left.ToString @"h\:mm\:ss"
    $"{text} left"
