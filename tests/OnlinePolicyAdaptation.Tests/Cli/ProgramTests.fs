module OnlinePolicyAdaptation.Tests.Cli.Program

open System
open System.IO
open Expecto
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Tests

let private opar = Opar.run

let private lines (text: string) =
    text.Split('\n', StringSplitOptions.RemoveEmptyEntries)

/// In a folder with the small scenario, the command fails with exit code 1 and one line that holds all of the parts, and
/// leaves no file behind.
let private fails name (prepare: string -> unit) arguments (parts: string list) =
    testCase name (fun () ->
        Scratch.withFolder (fun folder ->
            SmallScenario.write folder
            prepare folder
            let before = Directory.GetFileSystemEntries folder |> Array.sort
            let outcome = opar folder arguments
            Expect.equal outcome.ExitCode 1 outcome.Errors
            Expect.hasLength (lines outcome.Errors) 1 "one line"

            for part in parts do
                Expect.stringContains outcome.Errors part "names place and value"

            Expect.equal (Directory.GetFileSystemEntries folder |> Array.sort) before "nothing left behind"))

let private append file (line: string) folder =
    File.AppendAllText(Path.Combine(folder, file), line + "\n")

/// A call that is wrong in itself: a sentence that says what is wrong, two lines of usage, and nothing else.
let private misuse name arguments (sentence: string) =
    testCase name (fun () ->
        Scratch.withFolder (fun folder ->
            let outcome = opar folder arguments
            Expect.equal outcome.ExitCode 2 $"{outcome.Output}{outcome.Errors}"
            Expect.isEmpty outcome.Output "errors go to standard error"
            let said = lines outcome.Errors
            Expect.hasLength said 3 outcome.Errors
            Expect.equal said[0] sentence "what is wrong"
            Expect.stringStarts said[1] "usage: opar" "how it is called"
            Expect.stringEnds said[2] "--help says more" "where there is more"))

let private helps arguments (parts: string list) =
    let called = String.concat " " ("opar" :: arguments)

    testCase $"'{called}' helps" (fun () ->
        Scratch.withFolder (fun folder ->
            let outcome = opar folder arguments
            Expect.equal outcome.ExitCode 0 outcome.Errors
            Expect.isEmpty outcome.Errors "help is no error"

            for part in parts do
                Expect.stringContains outcome.Output part "told"))

[<Tests>]
let tests =
    testList
        "Cli.Program"
        [
            test "run ends with a table and the path of a report that is there" {
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder

                    let outcome =
                        opar folder [ "run"; "."; "--seeds"; "2"; "--cycles"; "12"; "--out"; "out" ]

                    Expect.equal outcome.ExitCode 0 outcome.Errors
                    Expect.stringContains outcome.Output "rollout, l = 3" "table"
                    Expect.stringContains outcome.Errors "100 % of 72" "plain progress when piped"
                    let last = lines outcome.Output |> Array.last
                    Expect.isTrue (File.Exists(last.Replace("report: ", ""))) last

                    Expect.equal
                        (Directory.GetFiles(Path.Combine(folder, "out"))
                         |> Array.map Path.GetFileName
                         |> Array.sort)
                        [| "report.html"; "results.csv"; "results.json" |]
                        "nothing else")
            }

            test "a model is fitted, and predicts what it was fitted to" {
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder
                    let fit = opar folder [ "fit"; "before.csv"; "--out"; "m.forest" ]
                    Expect.equal fit.ExitCode 0 fit.Errors
                    Expect.stringContains fit.Output "NMAE" "quality"

                    let predict =
                        opar folder [ "predict"; "m.forest"; "--config"; "c1=2,p11=1,l1=5,cl1=5" ]

                    Expect.equal predict.ExitCode 0 predict.Errors
                    Expect.stringStarts predict.Output "d1 = 0.09" "0.09 s and a little noise")
            }

            helps
                []
                [
                    "opar keeps the control policy of a networked system good"
                    "  control   control a system"
                    "  opar run scenarios/2-system-change\n"
                ]

            helps [ "--help" ] [ "opar keeps the control policy" ]
            helps
                [ "help"; "journal"; "show" ]
                [ "USAGE: opar journal show"; "  opar journal show journal.db --report" ]
            helps [ "--version" ] [ "opar 0." ]

            test "every example is a call that can be made" {
                let parser = Argu.ArgumentParser.Create<Arguments> "opar"

                for example in Examples.first @ Examples.all do
                    let words =
                        example.Split ' ' |> Array.takeWhile (fun word -> word <> "<" && word <> ">")

                    Expect.equal words[0] "opar" example
                    parser.ParseCommandLine(Array.tail words).GetSubCommand() |> ignore
            }

            test "every command is in the overview, and has examples of its own" {
                Scratch.withFolder (fun folder ->
                    let overview = (opar folder []).Output

                    for case in typeof<Arguments> |> Microsoft.FSharp.Reflection.FSharpType.GetUnionCases do
                        let command = case.Name.ToLowerInvariant()
                        Expect.stringContains overview $"\n  {command} " "in the overview"
                        Expect.isGreaterThanOrEqual (Examples.ofCommand [ command ]).Length 2 $"examples of {command}")
            }

            test "plan writes values and decisions with a delay table, and with a forest fitted to the trace" {
                Scratch.withFolder (fun folder ->
                    TwoServices.write TwoServices.small folder

                    let table =
                        opar
                            folder
                            [
                                "plan"
                                yield! [ "--scenario"; "."; "--delay-table"; "table.csv" ]
                                yield! [ "--algorithm"; "rollout"; "--lookahead"; "2"; "--states"; "3,1" ]
                                yield! [ "--out"; "plan.json" ]
                            ]

                    Expect.equal table.ExitCode 0 table.Errors
                    Expect.stringContains table.Output "plan.json: 2 decisions" "what was written"
                    Expect.isTrue (File.Exists(Path.Combine(folder, "plan.json"))) "the file")

                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder

                    let forest =
                        opar
                            folder
                            [
                                "plan"
                                "--scenario"
                                "."
                                "--algorithm"
                                "policy-iteration"
                                "--out"
                                "plan.json"
                            ]

                    Expect.equal forest.ExitCode 0 forest.Errors
                    Expect.stringContains forest.Output "30 decisions" "all states")
            }

            test "plan samples rollouts and iterates policies approximately, and the file says how" {
                Scratch.withFolder (fun folder ->
                    TwoServices.write TwoServices.small folder

                    let plan arguments =
                        let outcome =
                            opar
                                folder
                                [
                                    yield! [ "plan"; "--scenario"; "."; "--delay-table"; "table.csv"; "--algorithm" ]
                                    yield! arguments
                                    yield! [ "--states"; "3,1"; "--out"; "plan.json" ]
                                ]

                        Expect.equal outcome.ExitCode 0 outcome.Errors
                        Expect.isEmpty outcome.Errors "every option has its effect"
                        File.ReadAllText(Path.Combine(folder, "plan.json"))

                    let sampled =
                        plan
                            [
                                yield! [ "sampled-rollout"; "--base"; "random"; "--terminal"; "best"; "--steps"; "4" ]
                                yield! [ "--trajectories"; "12"; "--seed"; "7"; "--standard-errors"; "2" ]
                                yield! [ "--indifference"; "0.5"; "--error-probability"; "0.1" ]
                            ]

                    for part in
                        [
                            "\"algorithm\":\"sampled-rollout\""
                            "\"steps\":4,\"trajectories\":12,\"seed\":7"
                            "\"indifference\":0.5,\"errorProbability\":0.1,\"standardErrors\":2"
                            "\"terminal\":\"best\""
                            "\"standardErrors\":["
                        ] do
                        Expect.stringContains sampled part "settings and errors"

                    let multiagent =
                        plan [ "sampled-multiagent"; "--base"; "greedy"; "--trajectories"; "2" ]

                    Expect.stringContains multiagent "sampled-multiagent" "algorithm"

                    let iterated =
                        plan [ "modified-policy-iteration"; "--evaluations"; "4"; "--theta"; "0.001" ]

                    Expect.stringContains iterated "\"evaluations\":4" "evaluations"
                    Expect.isFalse (iterated.Contains "\"standardErrors\"") "nothing was sampled")
            }

            test "plan is exact by default, and says what it cannot reach" {
                Scratch.withFolder (fun folder ->
                    TwoServices.write
                        (TwoServices.small.Replace("\"discount\": 0.9", "\"discount\": 0.9999999999"))
                        folder

                    let plan arguments =
                        opar
                            folder
                            [
                                yield! [ "plan"; "--scenario"; "."; "--delay-table"; "table.csv" ]
                                yield! arguments
                                yield! [ "--out"; "plan.json" ]
                            ]

                    let refused = plan [ "--algorithm"; "value-iteration"; "--theta"; "1e-25" ]
                    Expect.equal refused.ExitCode 1 refused.Output

                    Expect.stringContains
                        refused.Errors
                        "theta = 1E-25 asks for 1e-15 at discount 0.9999999999; expected theta of at least"
                        "what is reached and why"

                    Expect.isFalse (File.Exists(Path.Combine(folder, "plan.json"))) "nothing is written"

                    let limited =
                        plan [ "--algorithm"; "modified-policy-iteration"; "--most-sweeps"; "2" ]

                    Expect.equal limited.ExitCode 1 limited.Output
                    Expect.stringContains limited.Errors "after 2 sweeps, as many as there may be" "the limit"

                    let exact = plan []
                    Expect.equal exact.ExitCode 0 exact.Errors
                    let text = File.ReadAllText(Path.Combine(folder, "plan.json"))
                    Expect.stringContains text "\"algorithm\":\"policy-iteration\"" "the default"
                    Expect.stringContains text "\"errorBound\":" "its bound")
            }

            for command in
                [
                    [ "run"; "." ]
                    [
                        "plan"
                        "--scenario"
                        "."
                        "--algorithm"
                        "policy-iteration"
                        "--out"
                        "plan.json"
                    ]
                    [ "train"; "."; "--out"; "base.policy" ]
                    [ "control"; "."; "--simulate"; "--cycles"; "3" ]
                ] do
                fails
                    $"a system too large for tables, {command.Head}"
                    (fun folder ->
                        File.Copy(
                            Path.Combine(
                                Repository.folder,
                                "tests",
                                "OnlinePolicyAdaptation.Tests",
                                "Cases",
                                "mesh-6.json"
                            ),
                            Path.Combine(folder, "scenario.json"),
                            true
                        ))
                    command
                    [
                        "12 controls is too large"
                        "64,000,000 configurations"
                        "expected at most 2.0 GiB"
                    ]

            for arguments, sentence in
                [
                    [ "dance" ], "opar: 'dance' is no command; opar --help lists those that there are"
                    [ "cotnrol"; "." ], "opar: 'cotnrol' is no command; did you mean control?"
                    [ "Run"; "." ], "opar: 'Run' is no command; did you mean run?"
                    [ "raport" ], "opar: 'raport' is no command; did you mean report?"
                    [ "journal" ], "opar journal: expected one of export, show, undo"
                    [ "journal"; "shwo" ], "opar journal: 'shwo' is no command; did you mean show?"
                    [ "journal"; "print" ], "opar journal: 'print' is no command; expected one of export, show, undo"
                    [ "help"; "explian" ], "opar: 'explian' is no command; did you mean explain?"
                    [ "run"; "."; "--sedes"; "3" ], "opar run: '--sedes' is no option; did you mean --seeds?"
                    [ "run"; "."; "-seeds"; "3" ], "opar run: '-seeds' is no option; did you mean --seeds?"
                    [ "run"; "."; "--seed"; "3" ], "opar run: '--seed' is no option; did you mean --seeds?"
                    [ "run"; "."; "--lokahead"; "3" ], "opar run: '--lokahead' is no option; did you mean --lookahead?"
                    [ "run"; "."; "--wings" ],
                    "opar run: '--wings' is no option; opar run --help lists those that there are"
                    [ "control"; "."; "--prometeus" ],
                    "opar control: '--prometeus' is no option; did you mean --prometheus?"
                    [ "control"; "."; "--Stdin" ], "opar control: '--Stdin' is no option; did you mean --stdin?"
                    [ "run"; "."; "--seeds=3" ], "opar run: '--seeds=3': expected --seeds 3, with a blank"
                    [ "run"; "."; "--seeds"; "many" ], "opar run: --seeds: 'many'; expected a whole number <N>"
                    [ "run"; "."; "--seeds" ], "opar run: --seeds: expected a whole number <N> after it"
                    [ "run"; "."; "again" ], "opar run: 'again' is one argument too many"
                    [ "run" ], "opar run: <DIR> is missing"
                    [ "fit"; "before.csv" ], "opar fit: --out is missing"
                    [ "evaluate"; "--save" ], "opar evaluate: --save: expected <FILE> after it"
                ] do
                let called = String.concat " " ("opar" :: arguments)
                misuse $"'{called}' is told what is wrong" arguments sentence

            fails "a folder without a scenario" ignore [ "run"; "nowhere" ] [ "nowhere: no such file" ]
            fails "a missing trace" ignore [ "run"; "."; "--trace-after"; "no.csv" ] [ "no.csv: no such file" ]
            fails "no cycles" ignore [ "run"; "."; "--cycles"; "0" ] [ "cycles: 0" ]
            fails "a lookahead that is no number" ignore [ "run"; "."; "--lookahead"; "1,x" ] [ "--lookahead: 'x'" ]
            fails "no threads" ignore [ "run"; "."; "--threads"; "0" ] [ "--threads: 0" ]

            fails
                "a trace with too few rows"
                (fun folder ->
                    let path = Path.Combine(folder, "after.csv")
                    File.WriteAllLines(path, File.ReadAllLines path |> Array.truncate 20))
                [ "run"; "." ]
                [ "after.csv: 19 rows"; "at least 30" ]

            test "with too few samples for a model the base policy acts, and the results say what is unknown" {
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder
                    let path = Path.Combine(folder, "scenario.json")
                    let text = File.ReadAllText path
                    // The window holds 90 samples, the traces 120.
                    File.WriteAllText(
                        path,
                        text.Replace(
                            "\"trees\": 10",
                            "\"trees\": 10, \"forgetting\": \"newest:3\", \"minimumSamples\": 100"
                        )
                    )

                    let outcome =
                        opar folder [ "run"; "."; "--seeds"; "2"; "--cycles"; "12"; "--out"; "out" ]

                    Expect.equal outcome.ExitCode 0 outcome.Errors

                    let results = File.ReadAllText(Path.Combine(folder, "out", "results.json"))
                    Expect.stringContains results "\"mean\": null" "no prediction, no error of it")
            }

            fails
                "a bad value in a trace"
                (append "after.csv" "5,0.2,1,5,oops")
                [ "run"; "." ]
                [ "after.csv:122: column d1: 'oops' is not a number" ]

            fails
                "a bad value in a trace to fit"
                (append "before.csv" "5,1.5,1,5,0.1")
                [ "fit"; "before.csv"; "--out"; "m.forest" ]
                [ "before.csv:122: column p11: '1.5'" ]

            fails "a model file that is none" ignore [ "predict"; "before.csv"; "--config"; "c1=2" ] [ "before.csv" ]

            fails "a model file that is not there" ignore [ "predict"; "m.forest"; "--config"; "c1=2" ] [ "m.forest" ]

            fails
                "planning without response times"
                (TwoServices.write TwoServices.small)
                [
                    "plan"
                    "--scenario"
                    "."
                    "--algorithm"
                    "policy-iteration"
                    "--out"
                    "plan.json"
                ]
                [ "two-services has no field experiment.traces" ]

            fails
                "planning with terminal values that are not there"
                ignore
                [
                    "plan"
                    "--scenario"
                    "."
                    "--algorithm"
                    "lookahead"
                    "--terminal"
                    "v.json"
                    "--out"
                    "plan.json"
                ]
                [ "v.json: no such file" ]

            fails
                "running a scenario whose system does not change"
                (TwoServices.write TwoServices.small)
                [ "run"; "." ]
                [ "two-services has no field experiment.traces" ]

            fails
                "recording a scenario without a simulation"
                ignore
                [ "record"; "--scenario"; "."; "--out"; "t.csv" ]
                [ "small has no field simulation" ]
        ]
