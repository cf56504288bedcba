/// The files that an experiment leaves in a folder: results.json, results.csv, report.html.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ResultFile

open System.IO
open OnlinePolicyAdaptation.Domain

let private outcomeFile directory = Path.Combine(directory, "results.json")
let private cyclesFile directory = Path.Combine(directory, "results.csv")

/// The page about the experiment in a folder.
let report directory = Path.Combine(directory, "report.html")

/// Writes the files into a folder, each whole or not at all.
let write directory (results: ExperimentResults) (page: string) =
    Directory.CreateDirectory directory |> ignore
    AtomicFile.Write(cyclesFile directory, CycleFile.write results)
    AtomicFile.Write(outcomeFile directory, OutcomeJson.write results.Outcome)
    AtomicFile.Write(report directory, (fun text -> text.Write page))

/// The results in a folder, or what is wrong with them.
let read directory : Result<ExperimentResults, string> =
    let missing =
        [ outcomeFile directory; cyclesFile directory ]
        |> List.tryFind (fun file -> not (File.Exists file))

    match missing with
    | Some file -> Error $"{file}: no such file; expected a folder that opar run has written"
    | None ->
        OutcomeJson.read (outcomeFile directory)
        |> Result.bind (fun outcome ->
            CycleFile.read (cyclesFile directory) outcome
            |> Result.map (fun cycles -> { Outcome = outcome; Cycles = cycles }))
