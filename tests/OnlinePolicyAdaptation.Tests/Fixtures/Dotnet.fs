/// Programs that are run by `dotnet`, as a user would.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Dotnet

open System
open System.Diagnostics
open System.IO
open Expecto

type Outcome =
    {
        ExitCode: int
        Output: string
        Errors: string
    }

let dotnet =
    match Environment.ProcessPath with
    | null -> "dotnet"
    | path when Path.GetFileNameWithoutExtension path = "dotnet" -> path
    | _ -> "dotnet"

let private startReading hasInput (variables: (string * string) list) folder (arguments: string list) =
    let info = ProcessStartInfo(dotnet, arguments)
    info.WorkingDirectory <- folder
    info.RedirectStandardInput <- hasInput
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true

    // A short run spends most of its time on compiling well what it runs once.
    info.Environment["DOTNET_TC_QuickJit"] <- "1"
    info.Environment["DOTNET_TieredPGO"] <- "0"

    for name, value in variables do
        info.Environment[name] <- value

    match Process.Start info with
    | null -> failtest "the command did not start"
    | started -> started

/// Starts `dotnet` in a folder with some more environment variables.
let start variables folder arguments =
    startReading false variables folder arguments

/// Reads what a command writes until it ends.
let finish (started: Process) written =
    let errors = started.StandardError.ReadToEndAsync()
    let output = started.StandardOutput.ReadToEnd()
    started.WaitForExit()

    {
        ExitCode = started.ExitCode
        Output = output
        Errors = written + errors.Result
    }

let run variables folder arguments =
    use started = start variables folder arguments
    finish started ""

/// Runs `dotnet` with a file as its standard input.
let runOn (input: string) folder arguments =
    use started = startReading true [] folder arguments

    let fed =
        task {
            use file = File.OpenRead input
            do! file.CopyToAsync started.StandardInput.BaseStream
            started.StandardInput.Close()
        }

    let outcome = finish started ""
    fed.Wait()
    outcome
