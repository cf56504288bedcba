/// opar run: an experiment from a scenario's folder to a table, a report and result files.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.RunCommand

open System
open System.IO
open System.Threading
open Argu
open OnlinePolicyAdaptation.Experiments

let private horizons (text: string) =
    let parts = text.Split(',', StringSplitOptions.TrimEntries)

    match parts |> Array.filter (fun p -> not (fst (Int32.TryParse p))) with
    | [||] -> Ok(parts |> Array.map int |> List.ofArray)
    | wrong -> Error $"--lookahead: '{wrong[0]}' is not a number; expected horizons such as 1,3"

/// The first way to forget is the model's, the others are compared with it.
let private forgettings (text: string) =
    (text.Split(',', StringSplitOptions.TrimEntries), Ok [])
    ||> Array.foldBack (fun part found ->
        match EstimationSyntax.forgetting part, found with
        | Ok way, Ok ways -> Ok(way :: ways)
        | Error message, _ -> Error $"--forgetting: {message}"
        | _, Error message -> Error message)

/// An option's value by its parser, or the scenario's.
let private given parse fallback text =
    match text with
    | Some text -> parse text
    | None -> Ok fallback

let private configured (arguments: ParseResults<RunArguments>) (scenario: Scenario) =
    let outlook text =
        EstimationSyntax.outlook text
        |> Result.mapError (fun message -> $"--outlook: {message}")

    let ways = scenario.Estimation.Forgetting :: scenario.AlsoForgetting

    given horizons scenario.Horizons (arguments.TryGetResult RunArguments.Lookahead)
    |> Result.bind (fun horizons ->
        given forgettings ways (arguments.TryGetResult RunArguments.Forgetting)
        |> Result.bind (fun ways ->
            given outlook scenario.Estimation.Outlook (arguments.TryGetResult RunArguments.Outlook)
            |> Result.map (fun outlook -> horizons, ways, outlook)))
    |> Result.bind (fun (horizons, ways, outlook) ->
        scenario
        |> Scenario.change (fun scenario ->
            { scenario with
                Estimation =
                    { scenario.Estimation with
                        Forgetting = List.head ways
                        Outlook = outlook
                    }
                AlsoForgetting = List.tail ways
                Seeds = arguments.GetResult(RunArguments.Seeds, scenario.Seeds)
                Cycles = arguments.GetResult(RunArguments.Cycles, scenario.Cycles)
                ChangeAt = arguments.GetResult(RunArguments.Change_At, scenario.ChangeAt)
                Horizons = horizons
                TraceBefore =
                    arguments.TryGetResult RunArguments.Trace_Before
                    |> Option.orElse scenario.TraceBefore
                TraceAfter =
                    arguments.TryGetResult RunArguments.Trace_After
                    |> Option.orElse scenario.TraceAfter
            }))

let private execute (arguments: ParseResults<RunArguments>) (scenario, traces) =
    let threads = arguments.GetResult(RunArguments.Threads, Environment.ProcessorCount)

    let directory =
        arguments.GetResult(RunArguments.Out, Path.Combine("results", scenario.Name))

    if threads < 1 then
        Error $"--threads: {threads}; expected at least 1"
    else
        let retrainer =
            if arguments.Contains RunArguments.Retrain then
                ValueSome Retraining.retrainer
            else
                ValueNone

        let runs =
            scenario.Seeds
            * List.length (Experiment.contenders scenario (ValueOption.isSome retrainer))

        let result =
            Terminal.withProgress $"{scenario.Name}: {runs} runs" (runs * scenario.Cycles) (fun step ->
                Experiment.run scenario traces retrainer threads step CancellationToken.None)
            |> _.GetAwaiter().GetResult()

        let summary = Summary.ofResult result
        let report = ResultFile.write directory result summary (Report.html result summary)
        Report.summaryTable summary ||> Terminal.table
        printfn $"{Report.answer scenario summary}\n"

        if scenario.ChangeAt < scenario.Cycles then
            Report.adaptationTable summary ||> Terminal.table

        for trace in [ traces.Before; traces.After ] do
            if trace.RowsWithoutService > 0 then
                printfn $"{trace.Path}: {trace.RowsWithoutService} rows left out in which nothing was served"

        printfn $"report: {Path.GetFullPath report}"
        Ok()

let run (arguments: ParseResults<RunArguments>) =
    Scenario.load (arguments.GetResult RunArguments.Scenario)
    |> Result.bind (configured arguments)
    |> Result.bind (fun scenario -> Experiment.readTraces scenario |> Result.map (fun traces -> scenario, traces))
    |> Result.bind (execute arguments)
