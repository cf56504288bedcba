// Builds, tests and runs this repository, from any folder: dotnet fsi build.fsx <target> [arguments].
// Needs the .NET SDK of global.json and nothing else.

open System
open System.Diagnostics
open System.IO

let root = __SOURCE_DIRECTORY__
let artifacts = Path.Combine(root, ".artifacts")
let solution = "OnlinePolicyAdaptation.sln"

// --- Running dotnet

/// The `dotnet` that runs this script, which need not be on the path.
let dotnetPath =
    match Environment.ProcessPath with
    | path when Path.GetFileNameWithoutExtension path = "dotnet" -> path
    | _ -> "dotnet"

/// Starts `dotnet` in the root folder; its output is kept for the caller when `captured`, otherwise printed.
let start captured (arguments: string list) =
    let info = ProcessStartInfo(dotnetPath, arguments)
    info.WorkingDirectory <- root
    info.RedirectStandardOutput <- captured
    info.RedirectStandardError <- captured
    info.Environment["DOTNET_NOLOGO"] <- "true"
    Process.Start info

/// Runs `dotnet` silently; its exit code and what it had to say.
let capture arguments =
    use child = start true arguments
    let errors = child.StandardError.ReadToEndAsync()
    let output = child.StandardOutput.ReadToEnd()
    child.WaitForExit()
    child.ExitCode, (output + errors.Result).TrimEnd()

let words = String.concat " "

let fail exitCode (reason: string) =
    eprintfn $"\nerror: {reason}"
    exit exitCode

/// One step of a target: prints its name and seconds, and what `dotnet` said only if it failed.
let step name arguments =
    let clock = Stopwatch.StartNew()
    printf $"%-12s{name} "
    let exitCode, output = capture arguments
    printfn $"%6.1f{clock.Elapsed.TotalSeconds} s"

    if exitCode <> 0 then
        printfn $"{output}"
        fail exitCode $"{name} failed: dotnet {words arguments}"

/// Runs a program that was built: its output is printed, its exit code becomes ours.
let launch project assembly arguments =
    let path = Path.Combine(artifacts, "bin", project, "release", $"{assembly}.dll")
    use child = start false (path :: arguments)
    child.WaitForExit()

    if child.ExitCode <> 0 then
        exit child.ExitCode

// --- What the targets do

let requireSdk () =
    match capture [ "--version" ] with
    | 0, _ -> ()
    | _, output -> fail 1 $"the .NET SDK that global.json asks for was not found.\n{output}"

let restoreTools () =
    requireSdk ()
    step "tools" [ "tool"; "restore" ]

let restore () =
    restoreTools ()
    step "restore" [ "restore"; solution ]

let build () =
    restore ()

    let quietly =
        [ "--nologo"; "--verbosity"; "quiet"; "-consoleLoggerParameters:ErrorsOnly" ]

    step "build" ([ "build"; solution; "--configuration"; "Release"; "--no-restore" ] @ quietly)

/// Where `dotnet pack` puts packages: a folder that can be added as a NuGet source.
let packages = Path.Combine(artifacts, "package", "release")

let pack () =
    build ()

    if Directory.Exists packages then
        Directory.Delete(packages, recursive = true)

    step "pack" [ "pack"; solution; "--configuration"; "Release"; "--no-build" ]

    for file in Directory.GetFiles(packages, "*.nupkg") |> Array.sort do
        printfn $"%8.1f{float (FileInfo file).Length / 1024.0} kB  {Path.GetRelativePath(root, file)}"

let formatted = [ "src"; "tests"; "scenarios"; "build.fsx" ]

let format () =
    restoreTools ()
    step "fantomas" ("fantomas" :: formatted)
    step "csharpier" [ "csharpier"; "format"; "src"; "tests" ]

let checkFormat () =
    restoreTools ()
    step "fantomas" ("fantomas" :: "--check" :: formatted)
    step "csharpier" [ "csharpier"; "check"; "src"; "tests" ]

let test arguments =
    build ()
    launch "OnlinePolicyAdaptation.Tests" "OnlinePolicyAdaptation.Tests" arguments

let run arguments =
    build ()
    launch "OnlinePolicyAdaptation.Cli" "opar" ("run" :: "scenarios/2-system-change" :: arguments)

/// The pictures in the READMEs of the scenarios: their names, and the figure of the report by its heading.
let pictured =
    [
        "1-two-services",
        [
            "expected", "base-policies-and-rollout-on-them"
            "computing-time", "computing-time-per-decision"
            "newton-step", "rollout-of-the-greedy-policy-as-a-newton-step"
        ]
        for scenario in [ "2-system-change"; "3-load-change"; "4-your-own" ] do
            scenario, [ ("expected", "reward-without-the-noise-of-single-intervals") ]
    ]

/// Takes a picture of one figure of a report.
let photograph results figure picture =
    let info =
        ProcessStartInfo(
            "chromium",
            [
                "--headless"
                "--no-sandbox"
                "--disable-gpu"
                "--disable-background-networking"
                "--hide-scrollbars"
                "--force-device-scale-factor=1.5"
                "--window-size=1000,560"
                "--virtual-time-budget=10000"
                $"--user-data-dir={results}/browser"
                $"--screenshot={picture}"
                $"file://{results}/report.html?figure={figure}"
            ]
        )

    info.RedirectStandardError <- true
    use browser = Process.Start info
    let errors = browser.StandardError.ReadToEnd()
    browser.WaitForExit()

    if browser.ExitCode <> 0 then
        fail browser.ExitCode $"no picture {picture}: {errors}"

/// Runs the scenarios and takes the pictures of their READMEs.
let pictures () =
    build ()

    for scenario, figures in pictured do
        let results = Path.Combine(artifacts, "pictures", scenario)
        launch "OnlinePolicyAdaptation.Cli" "opar" [ "run"; $"scenarios/{scenario}"; "--out"; results ]

        for name, figure in figures do
            photograph results figure (Path.Combine(root, "scenarios", scenario, $"{name}.png"))

let bench arguments =
    build ()

    let selection =
        if List.isEmpty arguments then
            [ "--filter"; "*" ]
        else
            arguments

    // Words such as `training` are measurements of our own, which leave no files.
    let results =
        if (List.head selection).StartsWith "-" then
            [ "--artifacts"; Path.Combine(artifacts, "benchmarks") ]
        else
            []

    launch "OnlinePolicyAdaptation.Benchmarks" "OnlinePolicyAdaptation.Benchmarks" (selection @ results)

/// Without arguments it lists the soaks.
let soak arguments =
    build ()
    launch "OnlinePolicyAdaptation.Soak" "OnlinePolicyAdaptation.Soak" arguments

let clean () =
    if Directory.Exists artifacts then
        Directory.Delete(artifacts, recursive = true)

// --- The targets

type Action =
    | Alone of (unit -> unit)
    | With of arguments: string * (string list -> unit)

type Target =
    {
        Name: string
        Description: string
        Action: Action
    }

let target name action description =
    {
        Name = name
        Description = description
        Action = action
    }

let targets =
    [
        target "restore" (Alone restore) "fetch the tools and packages"
        target "build" (Alone build) "compile everything; warnings are errors"
        target "format" (Alone format) "lay out all code"
        target "format-check" (Alone checkFormat) "fail if any code is not laid out so"
        target "test" (With("Expecto's, e.g. --filter Planning", test)) "build and run the tests"
        target "pack" (Alone pack) "make the NuGet packages and the tool opar in .artifacts/package/release"
        target "run" (With("those of `opar run`", run)) "build and run scenarios/2-system-change"
        target "pictures" (Alone pictures) "run all scenarios and take the pictures of their READMEs; needs chromium"
        target "bench" (With("BenchmarkDotNet's, e.g. --filter '*Forest*'", bench)) "build and run the benchmarks"
        target
            "soak"
            (With("NAME [seconds] [seed]; alone it lists the names", soak))
            "run a controller for long in a world where everything fails now and then"
        target "clean" (Alone clean) "delete .artifacts"
    ]

let help =
    let line target =
        match target.Action with
        | Alone _ -> $"  %-14s{target.Name}{target.Description}"
        | With(arguments, _) -> $"  %-14s{target.Name}{target.Description} [arguments: {arguments}]"

    String.concat "\n" ("usage: dotnet fsi build.fsx <target> [arguments]" :: List.map line targets)

match List.tail (List.ofArray fsi.CommandLineArgs) with
| [ "help" ] -> printfn $"{help}"
| [] ->
    eprintfn $"{help}"
    exit 2
| name :: arguments ->
    match targets |> List.tryFind (fun target -> target.Name = name), arguments with
    | Some { Action = Alone action }, [] -> action ()
    | Some { Action = With(_, action) }, _ -> action arguments
    | Some _, _ ->
        eprintfn $"{name} takes no arguments: {words arguments}\n\n{help}"
        exit 2
    | None, _ ->
        eprintfn $"no target is called {name}\n\n{help}"
        exit 2
