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
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// The estimation where no scenario says otherwise.
let private byDefault =
    {
        Forest = ForestOptions()
        RegrownTrees = ForestOptions().Trees / 2
        RefitEvery = 1
        Forgetting = Forgetting.ByRelevance 30
        RiskAttitude = RiskAttitude.Optimistic 0.6
        LoadStep = 5.0
        MinimumSamples = 30
    }

let private given (scenario: string option) (traces: string list) =
    match scenario with
    | Some path ->
        Scenario.load path
        |> Result.map (fun scenario ->
            scenario.System.Grid, scenario.Experiment.Columns, scenario.Controller.Estimation)
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

/// The estimation with the way to forget that an option asks for.
let private forgetting text (estimation: EstimationSettings) =
    match text with
    | None -> Ok estimation
    | Some text ->
        EstimationSyntax.forgetting text
        |> Result.map (fun way -> { estimation with Forgetting = way })
        |> Result.mapError (fun message -> $"--forgetting: {message}")

/// Every model with where it starts from.
let private starts (estimation: EstimationSettings) layout key withFullRefit resumed =
    match resumed with
    | Some path ->
        EstimatorFile.load estimation layout path
        |> Result.map (fun checkpoint -> [ Estimation.By estimation.Forgetting, checkpoint ])
    | None ->
        Ok
            [
                for kind in kinds estimation withFullRefit -> kind, Prequential.fresh estimation layout key kind
            ]

let private evaluate threads estimation layout starts (traces: Sample[] list) =
    let samples = traces |> List.sumBy _.Length

    Terminal.withProgress $"{List.length starts} models, {samples} samples" (samples * List.length starts) (fun step ->
        task {
            let outcomes = Array.zeroCreate (List.length starts)

            do!
                Parallel.ForEachAsync(
                    List.indexed starts,
                    ParallelOptions(MaxDegreeOfParallelism = threads),
                    fun (i, (kind, checkpoint)) _ ->
                        let predictions, last =
                            Prequential.from checkpoint estimation layout kind traces step

                        outcomes[i] <- kind, predictions, last
                        ValueTask.CompletedTask
                )

            return List.ofArray outcomes
        })
    |> _.GetAwaiter().GetResult()

let private report out (result: PrequentialResult) =
    PrequentialReport.table result ||> Terminal.table
    printfn $"{PrequentialReport.answer result}\n"

    Path.GetDirectoryName(Path.GetFullPath out)
    |> Option.ofObj
    |> Option.iter (Directory.CreateDirectory >> ignore)

    AtomicFile.Write(out, (fun text -> text.Write(PrequentialReport.html result)))
    printfn $"report: {Path.GetFullPath out}"

let run (arguments: ParseResults<EvaluateArguments>) =
    let paths = arguments.GetResult EvaluateArguments.Traces
    let scenario = arguments.TryGetResult EvaluateArguments.Scenario
    let seed = arguments.GetResult(EvaluateArguments.Seed, 1)

    let threads =
        arguments.GetResult(EvaluateArguments.Threads, Environment.ProcessorCount)

    let resumed = arguments.TryGetResult EvaluateArguments.Resume

    let out =
        arguments.GetResult(EvaluateArguments.Out, Path.Combine("results", "evaluation.html"))

    arguments.TryGetResult EvaluateArguments.Save
    |> Option.iter AtomicFile.RequireFolder

    if threads < 1 then
        Error $"--threads: {threads}; expected at least 1"
    else
        given scenario paths
        |> Result.bind (fun (grid, columns, estimation) ->
            forgetting (arguments.TryGetResult EvaluateArguments.Forgetting) estimation
            |> Result.map (fun estimation -> grid, columns, estimation))
        |> Result.bind (fun (grid, columns, estimation) ->
            let layout = FeatureLayout(grid, columns.Services.Count)

            starts estimation layout (RandomKey(uint64 seed)) (arguments.Contains EvaluateArguments.Full_Refit) resumed
            |> Result.map (fun starts ->
                let outcomes =
                    paths
                    |> List.map (fun path -> TestbedTrace.Read(path, grid, columns))
                    |> List.map (RecordedSystem.samples >> Seq.toArray)
                    |> evaluate threads estimation layout starts

                let option name value =
                    value
                    |> Option.map (fun value -> $" --{name} {value}")
                    |> Option.defaultValue ""

                let files = String.concat " " paths

                report
                    out
                    {
                        Traces = paths
                        Predictions = outcomes |> List.map (fun (kind, predictions, _) -> kind, predictions)
                        Command =
                            $"""opar evaluate {files}{option "scenario" scenario}{option "resume" resumed}{option "forgetting" (arguments.TryGetResult EvaluateArguments.Forgetting)} --seed {seed}"""
                    }

                match arguments.TryGetResult EvaluateArguments.Save with
                | None -> ()
                | Some path ->
                    let _, _, last =
                        outcomes
                        |> List.find (fun (kind, _, _) -> kind = Estimation.By estimation.Forgetting)

                    EstimatorFile.save layout path last
                    printfn $"estimator: {path}"))
