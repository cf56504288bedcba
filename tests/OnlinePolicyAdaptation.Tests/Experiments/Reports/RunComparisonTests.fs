/// Several runs on one page, and the command that makes it.
module OnlinePolicyAdaptation.Tests.Experiments.Reports.RunComparison

open System.IO
open System.Text.RegularExpressions
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private small (scenario: Scenario) =
    { scenario with
        Experiment.Cycles = 12
        Experiment.Seeds = 2
    }

let private withRuns (test: string -> NamedRun list -> unit) =
    SmallScenario.withScenario (fun folder scenario ->
        let run name scenario =
            {
                Name = name
                Results = SmallScenario.results scenario
            }

        test
            folder
            [
                run "first" (small scenario)
                run
                    "second"
                    { small scenario with
                        Experiment.Horizons = [ 1; 3 ]
                        Experiment.Seeds = 3
                    }
            ])

[<Tests>]
let tests =
    testList
        "Experiments.Reports.RunComparison"
        [
            test "what differs are the settings that were changed" {
                withRuns (fun _ runs ->
                    let header, rows = RunComparison.differences runs
                    Expect.equal header [ "setting"; "first"; "second" ] "runs"
                    Expect.equal rows [ [ "seeds"; "2"; "3" ]; [ "lookahead"; "3"; "1, 3" ] ] "settings"

                    Expect.isEmpty (snd (RunComparison.differences [ runs[0]; runs[0] ])) "a run beside itself")
            }

            test "the table has each policy of each run, and the answer is about the one they share" {
                withRuns (fun _ runs ->
                    let header, rows = RunComparison.table runs
                    Expect.all rows (fun row -> row.Length = header.Length) "cells"

                    Expect.equal
                        (rows |> List.map (fun row -> row[0], row[1]))
                        [
                            "base policy, unchanged", "first"
                            "base policy, unchanged", "second"
                            "rollout, l = 3", "first"
                            "rollout, l = 3", "second"
                            "optimum, which knows the system", "first"
                            "optimum, which knows the system", "second"
                            "rollout, l = 1", "second"
                        ]
                        "rows"

                    Expect.stringContains (RunComparison.answer runs) "rollout, l = 3 earns" "the common policy")
            }

            test "every chart draws in a browser" {
                withRuns (fun folder runs ->
                    let page = Path.Combine(folder, "compared.html")
                    File.WriteAllText(page, RunComparison.html runs "opar report")

                    for width in [ 1400; 400 ] do
                        let shown = Browser.show page width
                        Expect.equal (shown.Charts, shown.Drawn) (2, 2) "rewards, and cycle by cycle"
                        Expect.isLessThanOrEqual shown.Overflow 0.0 $"the page fits into {width} px"
                        Expect.isGreaterThanOrEqual shown.LegendGap 0.0 $"legends are clear of titles at {width} px")
            }

            test "opar report makes a report again byte for byte, compares runs, and says what it cannot read" {
                SmallScenario.withScenario (fun folder _ ->
                    let run seeds out =
                        Opar.run folder [ "run"; "."; "--cycles"; "12"; "--seeds"; seeds; "--out"; out ]

                    for seeds, out in [ "1", "a/run"; "2", "b/run" ] do
                        let outcome = run seeds out
                        Expect.equal outcome.ExitCode 0 outcome.Errors

                    let report = Path.Combine(folder, "a", "run", "report.html")
                    let before = File.ReadAllText report
                    File.Delete report
                    let again = Opar.run folder [ "report"; "a/run" ]
                    Expect.equal again.ExitCode 0 again.Errors
                    Expect.equal (File.ReadAllText report) before "the same"

                    let compared =
                        Opar.run folder [ "report"; "a/run"; "b/run/"; "--out"; "new/page.html" ]

                    Expect.equal compared.ExitCode 0 compared.Errors
                    let page = File.ReadAllText(Path.Combine(folder, "new", "page.html"))
                    Expect.stringContains page "2 runs compared" "title"
                    Expect.isTrue (Regex.IsMatch(page, "<th>a/run</th><th>b/run</th>")) "named by their paths"

                    let refused (arguments: string list) (expected: string) =
                        let outcome = Opar.run folder ("report" :: arguments)
                        Expect.notEqual outcome.ExitCode 0 "refused"
                        Expect.stringContains outcome.Errors expected "said"

                    refused [ "nowhere" ] "nowhere/results.json: no such file"
                    refused [ "a/run"; "nowhere" ] "nowhere/results.json: no such file"
                    File.WriteAllText(Path.Combine(folder, "b", "run", "results.json"), "[]")
                    refused [ "b/run" ] "results.json"
                    refused [] "")
            }
        ]
