module OnlinePolicyAdaptation.Tests.Main

open System
open System.IO
open Expecto
open Expecto.Impl

/// "12 passed, 0 failed", and ", 3 skipped" where there are any. A test that throws has failed.
let private totals (summary: TestRunSummary) =
    let skipped =
        match summary.ignored.Length with
        | 0 -> ""
        | count -> $", {count} skipped"

    $"{summary.passed.Length} passed, {summary.failed.Length + summary.errored.Length} failed{skipped}"

let private skipReason (_, test: TestSummary) =
    match test.result with
    | Ignored reason -> Some reason
    | Passed
    | Failed _
    | Error _ -> None

/// Runs the tests with Expecto's own arguments. Exits 1 when a test failed or none ran; the last line is the totals.
let private runExpecto args tests =
    let mutable finished = None
    let keep = SummaryHandler(fun summary -> finished <- Some summary)
    let colours = if Console.IsOutputRedirected then 0 else 8

    let exitCode =
        runTestsWithCLIArgs [ No_Spinner; Colours colours; Append_Summary_Handler keep ] args tests

    match finished with
    | None -> exitCode // nothing was to run: --help, --list-tests, a wrong argument
    | Some summary ->
        let noneRan = summary.passed.IsEmpty && summary.successful

        // Expecto's own writer in the console's place pads lines with blanks, and has left a colour code on this line.
        use output = new StreamWriter(Console.OpenStandardOutput())
        output.WriteLine()

        for reason, count in summary.results |> List.choose skipReason |> List.countBy id do
            output.WriteLine $"{count} skipped: {reason}"

        if noneRan then
            output.WriteLine "No test ran: does the filter match one, and is what it needs there?"

        output.WriteLine(totals summary)
        if exitCode = 0 && not noneRan then 0 else 1

/// `dotnet test` and editors start this program with `--server ...` and talk to it through the testing platform;
/// Expecto has no such argument, so without it the arguments are Expecto's.
[<EntryPoint>]
let main args =
    let tests =
        testFromThisAssembly ()
        |> Option.defaultValue (testList "OnlinePolicyAdaptation" [])

    if Array.contains "--server" args then
        TestingPlatform.run args tests
    else
        runExpecto args tests
