/// opar testbed up and change: a real system that runs until it is stopped, and what happens to it meanwhile.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedUp

open System
open System.Threading
open System.Threading.Tasks
open Argu
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Scenarios

let private hold (scenario: Scenario) (testbed: TestbedPart) withLoad (cancellation: CancellationToken) =
    task {
        use! processes = TestbedSystem.start scenario testbed cancellation
        let key = RandomKey(uint64 testbed.Recording.Seed)

        let patterns =
            if withLoad then
                MeshEnvironment.loads scenario testbed.SecondsPerCycle key
            else
                []

        use load = TestbedSystem.load scenario processes patterns key
        use! _ = TestbedDoor.start scenario testbed processes load
        printfn $"front {processes.FrontAddress}"

        for name, address in Seq.zip scenario.System.Topology.Nodes processes.NodeAddresses do
            printfn $"{name} {address}"

        printfn $"changes: opar testbed change DIR CHANGE; {TestbedDoor.expected}"
        do! Task.Delay(Timeout.Infinite, cancellation)
    }

let up (arguments: ParseResults<TestbedUpArguments>) =
    result {
        let! scenario = Scenario.load (arguments.GetResult TestbedUpArguments.Scenario)
        let! testbed = TestbedSystem.part scenario
        let withLoad = not (arguments.Contains TestbedUpArguments.Without_Load)

        return
            Terminal.untilInterrupted Terminal.atOnce (fun cancellation ->
                try
                    (hold scenario testbed withLoad cancellation).GetAwaiter().GetResult()
                with :? OperationCanceledException ->
                    ())
    }

let change (arguments: ParseResults<TestbedChangeArguments>) =
    result {
        let folder, change = arguments.GetResult TestbedChangeArguments.Request
        let! scenario = Scenario.load folder
        do! TestbedDoor.ask scenario change
        printfn $"changed: {change}"
    }
