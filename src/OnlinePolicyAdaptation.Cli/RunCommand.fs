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

let private configured (arguments: ParseResults<RunArguments>) (scenario: Scenario) =
    match arguments.TryGetResult RunArguments.Lookahead with
    | Some text -> horizons text
    | None -> Ok scenario.Horizons
    |> Result.bind (fun horizons ->
        scenario
        |> Scenario.change (fun scenario ->
            { scenario with
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
        let runs = Experiment.contenders scenario |> List.length |> (*) scenario.Seeds

        let result =
            Terminal.withProgress $"{scenario.Name}: {runs} runs" (runs * scenario.Cycles) (fun step ->
                Experiment.run scenario traces threads step CancellationToken.None)
            |> _.GetAwaiter().GetResult()

        let summary = Summary.ofResult result
        let report = ResultFile.write directory result summary (Report.html result summary)
        Report.summaryTable summary ||> Terminal.table
        printfn $"{Report.answer scenario summary}\n"

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
