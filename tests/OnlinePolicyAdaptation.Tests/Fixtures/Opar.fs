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

/// Runs the command in a folder with some more environment variables.
let runWith (variables: (string * string) list) folder (arguments: string list) =
    let program = Path.Combine(AppContext.BaseDirectory, "opar.dll")
    let info = ProcessStartInfo(dotnet, program :: arguments)
    info.WorkingDirectory <- folder
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true

    for name, value in variables do
        info.Environment[name] <- value

    match Process.Start info with
    | null -> failtest "the command did not start"
    | started ->
        use started = started
        let errors = started.StandardError.ReadToEndAsync()
        let output = started.StandardOutput.ReadToEnd()
        started.WaitForExit()

        {
            ExitCode = started.ExitCode
            Output = output
            Errors = errors.Result
        }

let run folder arguments = runWith [] folder arguments
