/// opar sweep: an experiment in each point of a grid over settings of a scenario.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.SweepCommand

open FsToolkit.ErrorHandling
open System
open System.IO
open System.Threading
open Argu
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

/// A point that is still to be run.
type private PlannedRun =
    {
        Point: SweepPoint
        Scenario: Scenario
        /// Where its outcome is kept.
        File: string
        Fingerprint: string
    }

/// Everything is read and checked before anything is run.
let private planned (arguments: ParseResults<SweepArguments>) path directory index point =
    result {
        let! scenario = Scenario.loadWith path point

        let! scenario =
            scenario
            |> Scenario.change (fun scenario ->
                { scenario with
                    Experiment.Seeds = arguments.GetResult(SweepArguments.Seeds, scenario.Experiment.Seeds)
                    Experiment.Cycles = arguments.GetResult(SweepArguments.Cycles, scenario.Experiment.Cycles)
                    Experiment.TraceBefore =
                        arguments.TryGetResult SweepArguments.Trace_Before
                        |> Option.orElse scenario.Experiment.TraceBefore
                })

        let! experiment =
            Scenario.withChange None (arguments.TryGetResult SweepArguments.Trace_After) scenario.Experiment

        let scenario =
            { scenario with
                Experiment = experiment
            }

        return
            {
                Point = point
                Scenario = scenario
                File = Path.Combine(directory, "points", $"%03d{index + 1}.json")
                Fingerprint = Sweep.fingerprint path scenario point
            }
    }

let private runs (planned: PlannedRun) =
    planned.Scenario.Experiment.Seeds
    * List.length (Contenders.ofScenario planned.Scenario false)

/// Runs a point and keeps its outcome.
let private runPoint threads (step: unit -> unit) (cancellation: CancellationToken) (planned: PlannedRun) =
    result {
        let! traces = Traces.read planned.Scenario

        let outcome =
            (Experiment.run planned.Scenario traces Map.empty threads step cancellation).GetAwaiter().GetResult()

        let swept = Sweep.swept planned.Point (Summary.ofResult outcome)
        Sweep.save planned.File planned.Fingerprint swept
        return swept
    }

let private runAll threads (todo: PlannedRun list) cancellation =
    let total =
        todo
        |> List.sumBy (fun planned -> runs planned * planned.Scenario.Experiment.Cycles)

    Terminal.withProgress $"{todo.Length} points" (max 1 total) (fun step ->
        task {
            return
                todo
                |> List.traverseResultM (fun planned ->
                    runPoint threads step cancellation planned
                    |> Result.map (fun swept -> planned.File, swept))
        })
    |> _.GetAwaiter().GetResult()

/// The command that gives the same results again.
let private command (arguments: ParseResults<SweepArguments>) =
    let decides argument =
        match argument with
        | SweepArguments.Threads _
        | SweepArguments.Out _ -> false
        | _ -> true

    CommandLine.reproducing "sweep" decides arguments

let run (arguments: ParseResults<SweepArguments>) =
    result {
        let path = arguments.GetResult SweepArguments.Scenario

        let! axes =
            arguments.GetResults SweepArguments.Vary
            |> List.map (Sweep.axis >> Result.mapError (fun message -> $"--vary: {message}"))
            |> List.sequenceResultM

        let! scenario = Scenario.load path

        let directory =
            arguments.GetResult(SweepArguments.Out, Path.Combine("results", $"{scenario.Name}-sweep"))

        let threads =
            arguments.GetResult(SweepArguments.Threads, Environment.ProcessorCount)

        if threads < 1 then
            return! Error $"--threads: {threads}; expected at least 1"

        let! all =
            Sweep.points axes
            |> List.mapi (planned arguments path directory)
            |> List.sequenceResultM

        Directory.CreateDirectory(Path.Combine(directory, "points")) |> ignore

        let kept =
            all
            |> List.choose (fun planned ->
                Sweep.tryLoad planned.File planned.Fingerprint planned.Point
                |> Option.map (fun swept -> planned.File, swept))
            |> Map.ofList

        if not kept.IsEmpty then
            eprintfn $"{kept.Count} of {all.Length} points were run before"

        let! found =
            try
                Terminal.untilInterrupted
                    Terminal.atNextStep
                    (runAll threads (all |> List.filter (fun planned -> not (kept.ContainsKey planned.File))))
            with :? OperationCanceledException ->
                Error $"stopped before the end; the same command goes on with what is in {directory}"

        let found =
            (kept, found) ||> List.fold (fun known (file, swept) -> known.Add(file, swept))

        let points = all |> List.map (fun planned -> found[planned.File])
        let report = Path.Combine(directory, "report.html")
        let first = (List.head all).Scenario

        AtomicFile.Write(Path.Combine(directory, "sweep.csv"), SweepReport.csv points)

        let page = SweepReport.html first points (command arguments)
        AtomicFile.Write(report, (fun text -> text.Write page))

        SweepReport.table points ||> Terminal.table
        printfn $"{SweepReport.answer points}"
        printfn $"report: {Path.GetFullPath report}"
    }
