module OnlinePolicyAdaptation.Tests.Cli.RunCommand

open System
open System.Diagnostics
open System.IO
open Argu
open Expecto
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

let private parse (arguments: string[]) =
    ArgumentParser.Create<RunArguments>(programName = "opar run").Parse arguments

/// What the arguments change of the small scenario.
let private configured arguments scenario =
    match RunCommand.configured arguments scenario with
    | Ok scenario ->
        (scenario.Experiment.Seeds,
         scenario.Experiment.Cycles,
         scenario.Experiment.ChangeAt,
         scenario.Experiment.Horizons),
        (scenario.Controller.Estimation.Forgetting,
         scenario.Experiment.AlsoForgetting,
         scenario.Controller.Estimation.RiskAttitude),
        (scenario.Controller.BasePolicy, scenario.Experiment.AlsoBasePolicies),
        (scenario.Experiment.TraceBefore, scenario.Experiment.TraceAfter)
    | Error message -> failtest message

/// A folder with everything of the command but libtorch, and without the list of what it needs.
let private withoutLibTorch (test: string -> unit) =
    Scratch.withFolder (fun folder ->
        for file in DirectoryInfo(AppContext.BaseDirectory).GetFiles() do
            if file.Extension = ".dll" || file.Name = "opar.runtimeconfig.json" then
                file.CopyTo(Path.Combine(folder, file.Name)) |> ignore

        test folder)

/// The words that a shell makes of a command.
let private words (command: string) =
    let info =
        ProcessStartInfo("sh", [ "-c"; $"printf '%%s\\n' {command}" ], RedirectStandardOutput = true)

    match Process.Start info with
    | null -> failtest "sh did not start"
    | shell ->
        use shell = shell
        shell.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)

[<Tests>]
let tests =
    testList
        "Cli.RunCommand"
        [
            for arguments in
                [
                    [| "." |]
                    [|
                        "."
                        "--seeds"
                        "7"
                        "--cycles"
                        "40"
                        "--change-at"
                        "3"
                        "--lookahead"
                        "2,1"
                    |]
                    [|
                        "."
                        "--forgetting"
                        "newest:2,never"
                        "--outlook"
                        "cautious:0.75"
                        "--retrain"
                    |]
                    [| "."; "--also-base"; "random,greedy:0.5,threshold:0.065" |]
                    [| "."; "--base-policy"; "greedy:0.5"; "--also-base"; "random" |]
                    [| "."; "--trace-before"; "my traces/a.csv"; "--trace-after"; "it's.csv" |]
                ] do
                let text = String.concat " " arguments

                test $"the command of the report of opar run {text} says the same" {
                    SmallScenario.withScenario (fun _ scenario ->
                        let given = parse (Array.append arguments [| "--threads"; "2"; "--out"; "o" |])
                        let command = RunCommand.command given
                        Expect.stringStarts command "opar run ." "the scenario"
                        Expect.isFalse (command.Contains "--out ") "where results go does not matter"

                        let again = parse (Array.skip 2 (words command))
                        Expect.equal (configured again scenario) (configured given scenario) "settings"
                        Expect.equal (again.Contains Retrain) (given.Contains Retrain) "--retrain")
                }

            for text, message in
                [
                    "fly", "--also-base: 'fly'.kind: 'fly'; expected one of"
                    "random:3", "--also-base: 'random:3': a policy of kind random has nothing after it"
                    "network", "--also-base: 'network'.file: a policy of kind network needs a file"
                    "threshold:0.1+0.2", "cpuSecondsPerRequest: 2 entries; expected 1, one per service"
                    "greedy:x", "'x' is not a number"
                ] do
                test $"--also-base {text} is refused" {
                    SmallScenario.withScenario (fun _ scenario ->
                        match RunCommand.configured (parse [| "."; "--also-base"; text |]) scenario with
                        | Ok _ -> failtest "accepted"
                        | Error found -> Expect.stringContains found message "what is wrong")
                }

            for text, message in
                [
                    "fly", "--base-policy: 'fly'.kind: 'fly'; expected one of"
                    "random,greedy", "--base-policy: 'random,greedy' names 2 policies; expected one"
                ] do
                test $"--base-policy {text} is refused" {
                    SmallScenario.withScenario (fun _ scenario ->
                        match RunCommand.configured (parse [| "."; "--base-policy"; text |]) scenario with
                        | Ok _ -> failtest "accepted"
                        | Error found -> Expect.stringContains found message "what is wrong")
                }

            test "--base-policy takes a kind or the file of a trained policy" {
                SmallScenario.withScenario (fun folder scenario ->
                    let file = Path.Combine(folder, "base.policy")
                    File.WriteAllText(file, "")

                    let basePolicy text =
                        RunCommand.configured (parse [| "."; "--base-policy"; text |]) scenario
                        |> Result.map _.Controller.BasePolicy

                    Expect.equal (basePolicy "static") (Ok BasePolicySpecification.Static) "a kind"
                    let network = BasePolicySpecification.Network(file, ActionSelection.Likeliest)
                    Expect.equal (basePolicy file) (Ok network) "a file")
            }

            test "run --retrain shows how training goes, and the page says how to do it again" {
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder

                    let outcome =
                        Opar.run folder [ "run"; "."; "--seeds"; "1"; "--retrain"; "--out"; "out" ]

                    Expect.equal outcome.ExitCode 0 outcome.Errors

                    Expect.stringContains
                        outcome.Errors
                        " % of 450000, each seed from scratch and warm"
                        "plain progress"

                    Expect.stringContains outcome.Errors "small: retraining: 100 %" "to its end"
                    let page = File.ReadAllText(Path.Combine(folder, "out", "report.html"))
                    Expect.stringContains page "<pre>opar run . --seeds 1 --retrain</pre>" "command")
            }

            test "Ctrl-C while retraining ends the run and leaves nothing behind" {
                if OperatingSystem.IsWindows() then
                    skiptest "sends a signal of Unix"

                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder

                    let outcome =
                        Opar.interrupt folder [ "run"; "."; "--seeds"; "20"; "--retrain"; "--out"; "out" ]

                    Expect.equal outcome.ExitCode 1 outcome.Errors
                    Expect.stringContains outcome.Errors "stopped before the end; nothing was written" "says so"
                    Expect.isFalse (outcome.Errors.Contains "100 %") "it did not run to its end"
                    Expect.isFalse (Directory.Exists(Path.Combine(folder, "out"))) "no results")
            }

            test "without libtorch a scenario that asks for retraining is run without it, and says so" {
                withoutLibTorch (fun program ->
                    Scratch.withFolder (fun folder ->
                        SmallScenario.write folder
                        let file = Path.Combine(folder, "scenario.json")

                        let json =
                            SmallScenario.json
                                .Replace("\"seeds\": 3", "\"seeds\": 1")
                                .Replace("[3]", "[3], \"retrain\": true")

                        File.WriteAllText(file, json)

                        let outcome =
                            Dotnet.run [] folder [ Path.Combine(program, "opar.dll"); "run"; "."; "--out"; "out" ]

                        Expect.equal outcome.ExitCode 0 outcome.Errors
                        Expect.stringContains outcome.Errors "retrained policies are left out: " "said"
                        let results = File.ReadAllText(Path.Combine(folder, "out", "results.json"))
                        Expect.isFalse (results.Contains "\"retrained\"") "left out"))
            }

            test "run --retrain without libtorch says so before anything runs" {
                withoutLibTorch (fun program ->
                    Scratch.withFolder (fun folder ->
                        SmallScenario.write folder

                        let outcome =
                            Dotnet.run [] folder [ Path.Combine(program, "opar.dll"); "run"; "."; "--retrain" ]

                        Expect.equal outcome.ExitCode 1 outcome.Errors

                        Expect.stringContains
                            outcome.Errors
                            "training needs TorchSharp and libtorch"
                            "what is missing"

                        Expect.isFalse (outcome.Errors.Contains "%") "nothing ran"

                        let without =
                            Dotnet.run [] folder [ Path.Combine(program, "opar.dll"); "run"; "."; "--seeds"; "1" ]

                        Expect.equal without.ExitCode 0 "all else works"))
            }
        ]
