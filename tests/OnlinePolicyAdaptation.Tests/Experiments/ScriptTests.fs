/// The scripted experiments of the scenarios run as they are.
module OnlinePolicyAdaptation.Tests.Experiments.ScriptTests

open System.Diagnostics
open System.IO
open Expecto
open OnlinePolicyAdaptation.Tests

let private scripts =
    Directory.GetFiles(Path.Combine(Repository.folder, "scenarios"), "run.fsx", SearchOption.AllDirectories)
    |> List.ofArray

let private runs script =
    let scenario = Path.GetFileName(Path.GetDirectoryName(script: string))

    testCase $"the script of {scenario} runs and writes its report" (fun () ->
        Scratch.withFolder (fun folder ->
            let info = ProcessStartInfo("dotnet", [ "fsi"; script; "--smoke"; "--out"; folder ])

            info.RedirectStandardOutput <- true
            info.RedirectStandardError <- true

            match Process.Start info with
            | null -> failtest "dotnet fsi did not start"
            | started ->
                use started = started
                let errors = started.StandardError.ReadToEndAsync()
                let output = started.StandardOutput.ReadToEnd()
                started.WaitForExit()
                Expect.equal started.ExitCode 0 $"{output}{errors.Result}"
                Expect.isTrue (File.Exists(Path.Combine(folder, "report.html"))) "report"))

[<Tests>]
let tests =
    testList
        "Scenarios.Scripts"
        [
            test "there are scripts" { Expect.isNonEmpty scripts "scenarios/*/run.fsx" }
            yield! List.map runs scripts
        ]
