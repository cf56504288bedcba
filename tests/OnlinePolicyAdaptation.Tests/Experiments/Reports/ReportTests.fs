/// The page about an experiment, as it is written and as a browser shows it.
module OnlinePolicyAdaptation.Tests.Experiments.Reports.Report

open System.IO
open System.Threading
open System.Text.RegularExpressions
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

/// The small scenario without its change.
let private withoutChange test =
    SmallScenario.withScenario (fun folder _ ->
        let file = Path.Combine(folder, "scenario.json")

        let json =
            SmallScenario.json.Replace("\"changes\": [{ \"atCycle\": 10, \"trace\": \"after.csv\" }],", "")

        File.WriteAllText(file, json)
        test (SmallScenario.load folder))

/// All kinds of charts: two services with changing loads, and a study of planning.
let private studied (scenario: Scenario) =
    { scenario with
        Experiment.Cycles = 3
        Experiment.Changes = []
        Experiment.Seeds = 2
        Experiment.Horizons = [ 1; 2; 3 ]
        Experiment.AlsoBasePolicies = [ BasePolicySpecification.Random; BasePolicySpecification.Static ]
        Experiment.PlanningStudy =
            Some
                {
                    Horizons = [ 1; 2 ]
                    TimedStates = 1
                    TimedSeconds = 0.0
                }
    }

[<Tests>]
let tests =
    testList
        "Experiments.Reports.Report"
        [
            test "where the system does not change, nothing is said of a change" {
                withoutChange (fun scenario ->
                    let results = SmallScenario.results scenario
                    Expect.all results.Cycles (fun cycle -> cycle.Phase = Phase.All) "one phase"
                    let header, rows = ReportTables.summary results.Outcome
                    Expect.all rows (fun row -> row.Length = header.Length) "cells"

                    for page in
                        [
                            Regex.Replace(Report.html results, "<script>.*?</script>", "", RegexOptions.Singleline)
                            ReportAnswer.sentence results.Outcome
                            yield! header
                        ] do
                        for word in [ "after the change"; "adapted after"; "Time to adapt"; "change noticed" ] do
                            Expect.isFalse (page.Contains word) word)
            }

            test "a change to nothing is refused" {
                SmallScenario.withScenario (fun folder _ ->
                    File.WriteAllText(
                        Path.Combine(folder, "scenario.json"),
                        SmallScenario.json.Replace(", \"trace\": \"after.csv\"", "")
                    )

                    match Scenario.load folder with
                    | Ok _ -> failtest "a change to nothing"
                    | Error message ->
                        Expect.stringContains message "experiment.changes[0]: nothing that changes" "said")
            }

            test "the page needs nothing from elsewhere" {
                SmallScenario.withScenario (fun _ scenario ->
                    let html =
                        SmallScenario.results { scenario with Experiment.Cycles = 12 } |> Report.html

                    Expect.isEmpty (Regex.Matches(html, "<(script|link|img)[^>]+(src|href)=\"(?!data:)")) "all inline"
                    Expect.equal (Regex.Matches(html, "plotly.js \\(cartesian").Count) 1 "plotly.js once")
            }

            test "every chart draws in a browser at 1400 and at 400 pixels, without an error or anything cut" {
                SmallScenario.withScenario (fun folder scenario ->
                    let page = Path.Combine(folder, "report.html")
                    let result = SmallScenario.run (studied scenario)

                    match PlanningStudy.ofScenario CancellationToken.None result.Scenario with
                    | Error message -> failtest message
                    | Ok study ->
                        let results = ExperimentResults.ofExperiment "opar run here" study result
                        File.WriteAllText(page, Report.html results)

                    for width in [ 1400; 400 ] do
                        let shown = Browser.show page width

                        Expect.equal
                            shown.Charts
                            16
                            "rewards, adaptation, response time, two controls, model error, decision time, base policies; values twice, times, two Newton steps, three of episodes"

                        Expect.equal shown.Drawn shown.Charts "drawn"
                        Expect.isLessThanOrEqual shown.Overflow 0.0 $"the page fits into {width} px"
                        Expect.isGreaterThanOrEqual shown.LegendGap 0.0 $"legends are clear of titles at {width} px"
                        Expect.isGreaterThan shown.PlotHeight 250.0 $"charts keep their height at {width} px")
            }

            test "a comparison of base policies has a row each, a chart and the reason why a combination is missing" {
                SmallScenario.withScenario (fun _ scenario ->
                    let results =
                        SmallScenario.results
                            { scenario with
                                Experiment.Cycles = 12
                                Experiment.Seeds = 2
                                Experiment.AlsoBasePolicies =
                                    [ BasePolicySpecification.Random; BasePolicySpecification.Static ]
                            }

                    let outcome = results.Outcome
                    let header, rows = ReportTables.comparison outcome
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
                        outcome.Summary
                        |> List.find (fun s ->
                            s.Contender = Contender.Further("static", BasePolicyUse.Unchanged)
                            && s.Phase = Phase.After)

                    Expect.equal still.CpuCores.Mean 10.0 "5 cores on each of two nodes"
                    Expect.equal still.Excess.Mean 0.0 "p11 = 1, c1 = 5 keeps the bound"

                    let page = Report.html results
                    Expect.stringContains page "Without multiagent rollout: random: it draws its actions" "the reason"
                    Expect.stringContains page "Base policies, and rollout on them" "the chart"

                    let main =
                        outcome.Summary |> List.filter (fun s -> not s.Contender.ComparesBasePolicies)

                    Expect.hasLength (snd (ReportTables.summary outcome)) main.Length "the others are left to it")
            }
        ]
