/// The command, run as a user would.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Opar

open System
open System.Diagnostics
open System.IO
open Expecto

let private program = Path.Combine(AppContext.BaseDirectory, "opar.dll")

let runWith variables folder arguments =
    Dotnet.run variables folder (program :: arguments)

/// Starts it, to be ended by who starts it.
let start folder arguments =
    Dotnet.start [] folder (program :: arguments)

let run folder arguments = runWith [] folder arguments

/// Runs the command with a file as its standard input.
let runOn input folder arguments =
    Dotnet.runOn input folder (program :: arguments)

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

/// Whether processes that are started here ignore what Ctrl-C sends. Bit n - 1 of the mask is signal n.
let ignoresInterrupts () =
    let status = "/proc/self/status"

    File.Exists status
    && File.ReadLines status
       |> Seq.filter (fun line -> line.StartsWith "SigIgn:")
       |> Seq.exists (fun line -> (Convert.ToUInt64(line.Substring(7).Trim(), 16) &&& 2UL) <> 0UL)

/// Runs the command and sends it what Ctrl-C sends as soon as it shows progress.
let interrupt folder arguments =
    if ignoresInterrupts () then
        skiptest "Ctrl-C is ignored here, as in a shell's background"

    use started = start folder arguments
    let progress = started.StandardError.ReadLine()
    use kill = Process.Start("kill", [ "-INT"; string<int> started.Id ])
    kill.WaitForExit()
    Dotnet.finish started $"{progress}\n"
