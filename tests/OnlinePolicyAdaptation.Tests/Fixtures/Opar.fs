/// The command, run as a user would.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Opar

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

let private dotnet =
    match Environment.ProcessPath with
    | null -> "dotnet"
    | path when Path.GetFileNameWithoutExtension path = "dotnet" -> path
    | _ -> "dotnet"

/// Starts the command in a folder with some more environment variables.
let private start (variables: (string * string) list) folder (arguments: string list) =
    let program = Path.Combine(AppContext.BaseDirectory, "opar.dll")
    let info = ProcessStartInfo(dotnet, program :: arguments)
    info.WorkingDirectory <- folder
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true

    for name, value in variables do
        info.Environment[name] <- value

    match Process.Start info with
    | null -> failtest "the command did not start"
    | started -> started

/// Reads what a command writes until it ends.
let private finish (started: Process) written =
    let errors = started.StandardError.ReadToEndAsync()
    let output = started.StandardOutput.ReadToEnd()
    started.WaitForExit()

    {
        ExitCode = started.ExitCode
        Output = output
        Errors = written + errors.Result
    }

let runWith variables folder arguments =
    use started = start variables folder arguments
    finish started ""

let run folder arguments = runWith [] folder arguments

/// What the dynamic linker was asked for while a command ran and succeeded, by its own log; skips the test where it keeps none.
let librariesOf folder arguments =
    if not (OperatingSystem.IsLinux()) then
        skiptest "asks the dynamic linker of Linux"

    Scratch.withFolder (fun logs ->
        let log = Path.Combine(logs, "linker")

        let outcome =
            runWith [ "LD_DEBUG", "files"; "LD_DEBUG_OUTPUT", log ] folder arguments

        Expect.equal outcome.ExitCode 0 $"{outcome.Output}{outcome.Errors}"

        Directory.GetFiles logs |> Array.map File.ReadAllText |> String.concat "\n")

/// Runs the command and sends it what Ctrl-C sends as soon as it shows progress.
let interrupt folder arguments =
    use started = start [] folder arguments
    let progress = started.StandardError.ReadLine()
    use kill = Process.Start("kill", [ "-INT"; string<int> started.Id ])
    kill.WaitForExit()
    finish started $"{progress}\n"
