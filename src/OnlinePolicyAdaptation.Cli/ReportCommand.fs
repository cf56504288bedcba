/// opar report: the page about a run made again from its result files, or a page that compares several runs.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ReportCommand

open FsToolkit.ErrorHandling
open System.IO
open Argu
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Experiments

/// Folders by what tells them apart: their own names, or where these come twice their paths.
let private named (directories: string list) =
    let own (directory: string) =
        Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath directory))
        |> Option.ofObj
        |> Option.defaultValue directory

    if (directories |> List.distinctBy own).Length = directories.Length then
        directories |> List.map own
    else
        directories |> List.map Path.TrimEndingDirectorySeparator

let private write (path: string) (page: string) =
    match Path.GetDirectoryName(Path.GetFullPath path) with
    | null -> ()
    | directory -> Directory.CreateDirectory directory |> ignore

    AtomicFile.Write(path, (fun text -> text.Write page))
    printfn $"report: {Path.GetFullPath path}"

let private single (arguments: ParseResults<ReportArguments>) directory =
    ResultFile.read directory
    |> Result.map (fun results ->
        ReportTerminal.show results.Outcome
        write (arguments.GetResult(ReportArguments.Out, ResultFile.report directory)) (Report.html results))

let private comparison (arguments: ParseResults<ReportArguments>) (directories: string list) =
    result {
        let! results = directories |> List.map ResultFile.read |> List.sequenceResultM

        let runs =
            List.map2 (fun name results -> { Name = name; Results = results }) (named directories) results

        let command =
            CommandLine.reproducing "report" (fun (argument: ReportArguments) -> not argument.IsOut) arguments

        printfn $"{RunComparison.answer runs}"

        match RunComparison.differences runs with
        | _, [] -> printfn "The runs have the same settings."
        | header, rows -> Terminal.table header rows

        RunComparison.table runs ||> Terminal.table

        write
            (arguments.GetResult(ReportArguments.Out, Path.Combine("results", "comparison.html")))
            (RunComparison.html runs command)
    }

let run (arguments: ParseResults<ReportArguments>) =
    match arguments.GetResult ReportArguments.Results |> List.distinct with
    | [ directory ] -> single arguments directory
    | directories -> comparison arguments directories
