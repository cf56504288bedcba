/// opar evaluate: how well system models follow one or several traces.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.EvaluateCommand

open System
open System.IO
open System.Threading.Tasks
open Argu
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// The estimation where no scenario says otherwise.
let private byDefault =
    {
        Forest = ForestOptions()
        RegrownTrees = ForestOptions().Trees / 4
        Forgetting = Forgetting.ByRelevance 30
        Outlook = Outlook.Expected
        LoadStep = 5.0
        MinimumSamples = 30
    }

let private given (scenario: string option) (traces: string list) =
    match scenario with
    | Some path ->
        Scenario.load path
        |> Result.map (fun scenario -> scenario.Grid, scenario.Columns, scenario.Estimation)
    | None ->
        TraceLayout.infer traces
        |> Result.map (fun (grid, columns) -> grid, columns, byDefault)

let private kinds (estimation: EstimationSettings) withFullRefit =
    [
        Estimation.By Forgetting.Never
        Estimation.By(Forgetting.Window 500)
        Estimation.By(Forgetting.Window 1500)
        Estimation.By(Forgetting.PerConfiguration 3)
        Estimation.By estimation.Forgetting
        if withFullRefit then
            Estimation.FullRefit estimation.Forgetting
        Estimation.Oracle
    ]
    |> List.distinct

let private evaluate threads estimation layout key kinds (traces: Sample[] list) =
    let samples = traces |> List.sumBy _.Length

    Terminal.withProgress $"{List.length kinds} models, {samples} samples" (samples * List.length kinds) (fun step ->
        task {
            let predictions = Array.zeroCreate<Prediction[]>(List.length kinds)

            do!
                Parallel.ForEachAsync(
                    List.indexed kinds,
                    ParallelOptions(MaxDegreeOfParallelism = threads),
                    fun (i, kind) _ ->
                        predictions[i] <- Prequential.run estimation layout key kind traces step
                        ValueTask.CompletedTask
                )

            return List.zip kinds (List.ofArray predictions)
        })
    |> _.GetAwaiter().GetResult()

let run (arguments: ParseResults<EvaluateArguments>) =
    let paths = arguments.GetResult EvaluateArguments.Traces
    let scenario = arguments.TryGetResult EvaluateArguments.Scenario
    let seed = arguments.GetResult(EvaluateArguments.Seed, 1)

    let threads =
        arguments.GetResult(EvaluateArguments.Threads, Environment.ProcessorCount)

    let out =
        arguments.GetResult(EvaluateArguments.Out, Path.Combine("results", "evaluation.html"))

    if threads < 1 then
        Error $"--threads: {threads}; expected at least 1"
    else
        given scenario paths
        |> Result.map (fun (grid, columns, estimation) ->
            let traces = paths |> List.map (fun path -> TestbedTrace.Read(path, grid, columns))

            let predictions =
                evaluate
                    threads
                    estimation
                    (FeatureLayout(grid, columns.Services.Count))
                    (RandomKey(uint64 seed))
                    (kinds estimation (arguments.Contains EvaluateArguments.Full_Refit))
                    (traces |> List.map (RecordedSystem.samples >> Seq.toArray))

            let option name value =
                value
                |> Option.map (fun value -> $" --{name} {value}")
                |> Option.defaultValue ""

            let files = String.concat " " paths

            let result =
                {
                    Traces = paths
                    Predictions = predictions
                    Command = $"""opar evaluate {files}{option "scenario" scenario} --seed {seed}"""
                }

            PrequentialReport.table result ||> Terminal.table
            printfn $"{PrequentialReport.answer result}\n"

            Path.GetDirectoryName(Path.GetFullPath out)
            |> Option.ofObj
            |> Option.iter (Directory.CreateDirectory >> ignore)

            AtomicFile.Write(out, (fun text -> text.Write(PrequentialReport.html result)))
            printfn $"report: {Path.GetFullPath out}")
