/// opar testbed run: an experiment on the real system.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedRun

open System
open System.IO
open System.Threading
open System.Threading.Tasks
open Argu
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Testbed.Processes

/// A real hour is dear: no base policy but the scenario's is improved.
let private contenders quick (scenario: Scenario) =
    Contenders.ofScenario scenario false
    |> List.filter (fun contender ->
        match contender with
        | Contender.Base
        | Contender.Optimum -> true
        | Contender.Rollout horizon -> not quick || horizon = List.max scenario.Experiment.Horizons
        | Contender.Further(_, BasePolicyUse.Unchanged) -> not quick
        | _ -> false)

/// The testbed as it was built, in the start configuration, under the load of a seed.
let private meet (scenario: Scenario) (testbed: TestbedPart) (processes: TestbedProcesses) seed cancellation =
    task {
        let key = SeedControllers.environmentKey seed
        let patterns = MeshEnvironment.loads scenario testbed.SecondsPerCycle key
        do! TestbedSystem.restore scenario testbed processes cancellation
        let load = TestbedSystem.load scenario processes patterns (key.Split 0)

        let environment =
            TestbedSystem.environment scenario testbed processes load (fun cycle token ->
                TestbedSystem.scheduled scenario testbed processes cycle token)

        do! environment.ApplyAsync(scenario.System.Start, cancellation)

        return
            {
                Loads =
                    fun cycle ->
                        patterns
                        |> Seq.map _.RateAt((float cycle + 0.5) * testbed.SecondsPerCycle)
                        |> EquatableArray.ToEquatableArray
                System = environment
                End = load
            }
    }

/// Runs in an order that no drift of the machine favours.
let private order runs =
    TestbedRecord.shuffled (RandomKey 1UL) runs

let private experiment (scenario: Scenario) (testbed: TestbedPart) traces contenders =
    Terminal.untilInterrupted Terminal.atOnce (fun cancellation ->
        let runs = scenario.Experiment.Seeds * List.length contenders
        let cycles = runs * scenario.Experiment.Cycles

        let work (report: int64 -> string -> unit) =
            task {
                use! processes = TestbedSystem.start scenario testbed cancellation
                let mutable finished = 0

                let onCycle () =
                    finished <- finished + 1
                    report finished (TestbedSystem.remaining testbed (cycles - finished))

                return!
                    Experiment.runAt
                        {
                            Name = "testbed"
                            Threads = 1
                            Meet = fun seed token -> meet scenario testbed processes seed token
                        }
                        scenario
                        traces
                        Map.empty
                        contenders
                        order
                        onCycle
                        cancellation
            }

        try
            Terminal.withMeter $"{scenario.Name}: {runs} runs" cycles (fun report ->
                (work report).GetAwaiter().GetResult())
            |> Ok
        with :? OperationCanceledException ->
            Error "stopped before the end; nothing was written")

let private configured (arguments: ParseResults<TestbedRunArguments>) quick (scenario: Scenario) =
    let seeds = if quick then 1 else scenario.Experiment.Seeds

    Scenario.change
        (fun scenario ->
            { scenario with
                Experiment.Seeds = arguments.GetResult(TestbedRunArguments.Seeds, seeds)
                Experiment.Cycles = arguments.GetResult(TestbedRunArguments.Cycles, scenario.Experiment.Cycles)
            })
        scenario

let run (arguments: ParseResults<TestbedRunArguments>) =
    result {
        let quick = arguments.Contains TestbedRunArguments.Quick
        let! scenario = Scenario.load (arguments.GetResult TestbedRunArguments.Scenario)
        let! scenario = configured arguments quick scenario
        let! testbed = TestbedSystem.part scenario
        let! traces = Traces.read scenario
        let! result = experiment scenario testbed traces (contenders quick scenario)

        let results =
            ExperimentResults.ofExperiment
                (CommandLine.reproducing
                    "testbed run"
                    (fun argument ->
                        match argument with
                        | TestbedRunArguments.Out _ -> false
                        | _ -> true)
                    arguments)
                None
                result

        let directory =
            arguments.GetResult(TestbedRunArguments.Out, Path.Combine("results", $"{scenario.Name}-testbed"))

        ResultFile.write directory results (Report.html results)
        ReportTerminal.show results.Outcome
        printfn $"report: {Path.GetFullPath(ResultFile.report directory)}"
    }
