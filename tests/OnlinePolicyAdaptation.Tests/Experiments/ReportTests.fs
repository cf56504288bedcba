module OnlinePolicyAdaptation.Tests.Experiments.Report

open System
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Tests

/// Runs the small scenario and writes its files; the folder they are in.
let private withResultsOf alsoBasePolicies test =
    SmallScenario.withScenario (fun folder scenario ->
        let result =
            Experiment.run
                { scenario with
                    Cycles = 15
                    AlsoBasePolicies = alsoBasePolicies
                }
                (SmallScenario.traces scenario)
                Map.empty
                2
                ignore
                CancellationToken.None
            |> _.GetAwaiter().GetResult()

        let out = Path.Combine(folder, "out")
        let summary = Summary.ofResult result

        ResultFile.write out result summary (Report.html result summary "opar run here")
        |> ignore

        test out)

let private withResults test = withResultsOf [] test

let private chromium =
    [ "/usr/bin/chromium"; "/usr/bin/chromium-browser"; "/usr/bin/google-chrome" ]
    |> List.tryFind File.Exists

/// The page's document after its scripts ran, and what the browser logged.
let private render (browser: string) (page: string) profile =
    let info =
        ProcessStartInfo(
            browser,
            [
                "--headless"
                "--no-sandbox"
                "--disable-gpu"
                "--disable-background-networking"
                "--no-first-run"
                $"--user-data-dir={profile}"
                "--enable-logging=stderr"
                "--window-size=1400,1000"
                "--virtual-time-budget=10000"
                "--dump-dom"
                $"file://{page}"
            ]
        )

    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true

    match Process.Start info with
    | null -> failtest "the browser did not start"
    | browser ->
        use browser = browser
        let log = browser.StandardError.ReadToEndAsync()
        let dom = browser.StandardOutput.ReadToEnd()
        browser.WaitForExit()
        dom, log.Result

[<Tests>]
let tests =
    testList
        "Experiments.Report"
        [
            test "where the system does not change, nothing is said of a change" {
                SmallScenario.withScenario (fun folder _ ->
                    let file = Path.Combine(folder, "scenario.json")

                    let json =
                        SmallScenario.json.Replace(", \"after\": \"after.csv\"", "").Replace("\"changeAt\": 10, ", "")

                    File.WriteAllText(file, json)
                    let scenario = SmallScenario.load folder

                    let result =
                        Experiment.run
                            scenario
                            (SmallScenario.traces scenario)
                            Map.empty
                            2
                            ignore
                            CancellationToken.None
                        |> _.GetAwaiter().GetResult()

                    let summary = Summary.ofResult result
                    Expect.stringStarts (Report.answer scenario summary) "The unchanged base policy" "the answer"
                    let _, rows = Report.summaryTable scenario summary
                    Expect.equal (rows |> List.map (List.item 1) |> List.distinct) [ "all" ] "one phase"
                    let page = Report.html result summary "opar run here"
                    Expect.isFalse (page.Contains "Time to adapt") "nothing to adapt to"
                    File.WriteAllText(file, SmallScenario.json.Replace(", \"after\": \"after.csv\"", ""))

                    match Scenario.load folder with
                    | Ok _ -> failtest "a change to nothing"
                    | Error message -> Expect.stringContains message "experiment.changeAt: 10" "said")
            }

            test "results.csv has the documented columns and one row per policy, seed and cycle" {
                withResults (fun out ->
                    let lines = File.ReadAllLines(Path.Combine(out, "results.csv"))

                    Expect.equal
                        lines[0]
                        "contender,base_policy,planner,lookahead,seed,cycle,phase,l1,p11,c1,response_time,reward,slo_excess,cpu_cores,predicted_response_time,change_since,decision_seconds"
                        "header"

                    Expect.equal lines.Length (1 + 3 * 3 * 15) "rows"
                    Expect.stringStarts lines[1] "base,optimal,none,,1,0,before,5,1,5," "starts at p11 = 1, c1 = 5")
            }

            test "results.json names settings, seeds and software, and has a summary per policy and phase" {
                withResults (fun out ->
                    use json = JsonDocument.Parse(File.ReadAllText(Path.Combine(out, "results.json")))
                    let root = json.RootElement
                    Expect.equal (root.GetProperty("settings").GetProperty("changeAt").GetInt32()) 10 "settings"
                    Expect.equal (root.GetProperty("seeds").GetArrayLength()) 3 "seeds"
                    Expect.equal (root.GetProperty("summary").GetArrayLength()) 6 "three policies, two phases"
                    Expect.isNotEmpty (root.GetProperty("software").GetString() |> string) "version and commit")
            }

            test "the page needs nothing from elsewhere" {
                withResults (fun out ->
                    let html = File.ReadAllText(Path.Combine(out, "report.html"))
                    Expect.isEmpty (Regex.Matches(html, "<(script|link|img)[^>]+(src|href)=\"(?!data:)")) "all inline"
                    Expect.equal (Regex.Matches(html, "plotly.js \\(cartesian").Count) 1 "plotly.js once")
            }

            test "every chart draws in a browser, without an error" {
                match chromium with
                | None -> skiptest "needs chromium"
                | Some browser ->
                    withResultsOf [ GivenPolicy.Static ] (fun out ->
                        let page = Path.Combine(out, "report.html")
                        let charts = Regex.Matches(File.ReadAllText page, "<div class=\"chart\"").Count
                        let dom, log = render browser page (Path.Combine(out, "profile"))

                        Expect.equal
                            charts
                            8
                            "base policies, reward, adaptation, response time, two controls, model error, decision time"

                        Expect.equal
                            (Regex.Matches(dom, "<div class=\"chart[^\"]*js-plotly-plot").Count)
                            charts
                            "drawn"

                        let errors =
                            log.Split '\n'
                            |> Array.filter (fun line -> line.Contains("CONSOLE", StringComparison.Ordinal))

                        Expect.isEmpty errors "nothing on the console")
            }

            test "a comparison of base policies has a row each, a chart and the reason why a combination is missing" {
                SmallScenario.withScenario (fun folder scenario ->
                    let scenario =
                        { scenario with
                            Cycles = 12
                            Seeds = 2
                            AlsoBasePolicies = [ GivenPolicy.Random; GivenPolicy.Static ]
                        }

                    let result =
                        Experiment.run
                            scenario
                            (SmallScenario.traces scenario)
                            Map.empty
                            2
                            ignore
                            CancellationToken.None
                        |> _.GetAwaiter().GetResult()

                    let summary = Summary.ofResult result
                    let header, rows = Report.comparisonTable scenario summary
                    Expect.all rows (fun row -> row.Length = header.Length) "cells"

                    Expect.equal
                        (rows |> List.map (fun row -> row[0], row[1]))
                        [
                            "optimal", "unchanged"
                            "optimal", "rollout, l = 3"
                            "optimal", "multiagent rollout, l = 3"
                            "random", "unchanged"
                            "random", "rollout, l = 3"
                            "static", "unchanged"
                            "static", "rollout, l = 3"
                            "static", "multiagent rollout, l = 3"
                            "–", "optimum, which knows the system"
                        ]
                        "every combination that there is"

                    let still =
                        summary
                        |> List.find (fun s ->
                            s.Contender = Contender.Further("static", BasePolicyUse.Unchanged)
                            && s.Phase = Phase.After)

                    Expect.equal still.CpuCores.Mean 10.0 "5 cores on each of two nodes"
                    Expect.equal still.Excess.Mean 0.0 "p11 = 1, c1 = 5 keeps the bound"

                    let page = Report.html result summary "opar run"
                    Expect.stringContains page "Without multiagent rollout: random: it draws its actions" "the reason"
                    Expect.stringContains page "Base policies, and rollout on them" "the chart"

                    let main, _ =
                        summary |> List.partition (fun s -> not s.Contender.ComparesBasePolicies)

                    Expect.hasLength
                        (snd (Report.summaryTable scenario summary))
                        main.Length
                        "the others are left to it"

                    ResultFile.write folder result summary page |> ignore
                    let lines = File.ReadAllLines(Path.Combine(folder, "results.csv"))

                    Expect.exists
                        lines
                        (fun l -> l.StartsWith "static-multiagent-l3,static,multiagent,3,1,0,before,")
                        "row")
            }

            test "the answer tells recovering from merely improving by the end of the run" {
                SmallScenario.withScenario (fun _ scenario ->
                    let estimate mean = { Mean = mean; HalfWidth = 0.01 }

                    let phase contender mean =
                        {
                            Contender = contender
                            Phase = Phase.After
                            Reward = estimate -0.3
                            RewardAtEnd = estimate mean
                            ShareOfOptimum = mean / 0.5
                            Violations = estimate 0.0
                            Excess = estimate 0.0
                            CpuCores = estimate 5.0
                            ModelError = estimate 0.0
                            Adapted = [||]
                            AdaptationSeconds = [||]
                            AdaptationCycles = nan
                            DetectionDelays = [||]
                            FalseAlarms = 0.0
                            MedianDecisionSeconds = 0.002
                        }

                    let adapting cycles =
                        let rollout =
                            { phase (Contender.Rollout 3) 0.49 with
                                Adapted = cycles
                            }

                        Report.answer scenario [ phase Contender.Base -0.2; rollout; phase Contender.Optimum 0.5 ]

                    Expect.stringContains
                        (adapting [| ValueSome 4; ValueSome 8; ValueSome 5 |])
                        "it has adapted after 5 cycles (median over seeds) and earns 0.490 ± 0.010 per cycle over the last 5 cycles, 98 % of the optimum's 0.500"
                        "both"

                    Expect.stringContains
                        (adapting [| ValueSome 4; ValueNone; ValueNone |])
                        "adapts with 1 of 3 seeds"
                        "some"

                    Expect.stringContains (adapting [| ValueNone |]) "never adapts" "none"

                    let answer rollout =
                        Report.answer
                            scenario
                            [
                                phase Contender.Base -0.2
                                phase (Contender.Rollout 3) rollout
                                phase Contender.Optimum 0.5
                            ]

                    Expect.stringContains (answer 0.49) "l = 3 recovers" "as good as the optimum"
                    Expect.stringContains (answer 0.2) "improves on it but does not recover" "between"
                    Expect.stringContains (answer -0.2) "cannot be told from the base policy" "equal"
                    Expect.stringContains (answer -0.4) "ends worse than the base policy" "below")
            }
        ]
