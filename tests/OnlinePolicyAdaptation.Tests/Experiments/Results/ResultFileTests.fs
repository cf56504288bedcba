/// results.json and results.csv.
module OnlinePolicyAdaptation.Tests.Experiments.Results.ResultFile

open System
open System.IO
open System.Text
open System.Text.Json
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

/// The small scenario run and written; the results and the folder they are in.
let private withFiles (test: ExperimentResults -> string -> unit) =
    SmallScenario.withScenario (fun folder scenario ->
        let results =
            SmallScenario.results
                { scenario with
                    Experiment.Cycles = 15
                    Experiment.AlsoForgetting = [ OnlinePolicyAdaptation.ControlCycle.Forgetting.Never ]
                    Experiment.AlsoBasePolicies = [ BasePolicySpecification.Random ]
                }

        let out = Path.Combine(folder, "out")
        ResultFile.write out results (Report.html results)
        test results out)

let private readError folder =
    match ResultFile.read folder with
    | Ok _ -> failtest "accepted"
    | Error message -> message

let private edit (file: string) (change: string -> string) =
    let text = File.ReadAllText file
    let changed = change text
    Expect.notEqual changed text "the edit changes something"
    File.WriteAllText(file, changed)

/// The file with a cell of a line (from 1) replaced.
let private withCell line (column: string) value (text: string) =
    let lines = text.Split '\n'
    let index = Array.IndexOf(lines[0].TrimEnd('\r').Split ',', column)
    let cells = lines[line - 1].Split ','
    cells[index] <- value
    lines[line - 1] <- String.concat "," cells
    String.concat "\n" lines

[<Tests>]
let tests =
    testList
        "Experiments.Results.ResultFile"
        [
            test "a field of results.json that is there twice is named" {
                withFiles (fun _ out ->
                    let mutable field = ""

                    edit (Path.Combine(out, "results.json")) (fun text ->
                        let lines = text.Split('\n')

                        let simple =
                            lines
                            |> Array.findIndex (fun line ->
                                RegularExpressions.Regex.IsMatch(line, "^ *\"[a-zA-Z]+\": (\"[^\"]*\"|[0-9.]+),$"))

                        field <- lines[simple].Trim().Split('"')[1]
                        lines[simple] <- lines[simple] + "\n" + lines[simple]
                        String.concat "\n" lines)

                    Expect.stringContains (readError out) field "the field")
            }

            test "results.csv has the documented columns and one row per policy, seed and cycle" {
                withFiles (fun _ out ->
                    let lines = File.ReadAllLines(Path.Combine(out, "results.csv"))

                    Expect.equal
                        lines[0]
                        "contender,base_policy,planner,lookahead,seed,cycle,phase,arrival_rate,l1,p11,c1,response_time,reward,expected_reward,slo_excess,cpu_cores,predicted_response_time,change_since,decision_seconds"
                        "header"

                    Expect.equal lines.Length (1 + 7 * 3 * 15) "rows"
                    Expect.stringStarts lines[1] "base,optimal,none,,1,0,before,5,5,1,5," "starts at p11 = 1, c1 = 5"

                    Expect.exists
                        lines
                        (fun line -> line.StartsWith "random-rollout-l3,random,joint,3,1,0,before,")
                        "a further base policy")
            }

            test "results.json names settings, seeds and software, and has a summary per policy and phase" {
                withFiles (fun _ out ->
                    use json = JsonDocument.Parse(File.ReadAllText(Path.Combine(out, "results.json")))
                    let root = json.RootElement
                    let settings = root.GetProperty "settings"
                    Expect.equal (settings.GetProperty("changeAt").GetInt32()) 10 "settings"
                    Expect.equal (settings.GetProperty("seeds").GetInt32()) 3 "seeds"
                    Expect.equal (root.GetProperty("summary").GetArrayLength()) 14 "seven policies, two phases"
                    Expect.isNotEmpty (root.GetProperty("software").GetString() |> string) "version and commit")
            }

            test "results that were written are read as they were" {
                withFiles (fun results out ->
                    match ResultFile.read out with
                    | Error message -> failtest message
                    | Ok read ->
                        // NaN is not equal to itself: compared as they are written.
                        let text (results: ExperimentResults) =
                            use outcome = new StringWriter()
                            use cycles = new StringWriter()
                            OutcomeJson.write results.Outcome outcome
                            CycleFile.write results cycles
                            string outcome + string cycles

                        Expect.equal (text read) (text results) "as written"
                        Expect.equal (Report.html read) (Report.html results) "the report is the same, byte for byte")
            }

            test "what is wrong with results names the file, the place and the value" {
                withFiles (fun _ out ->
                    let json = Path.Combine(out, "results.json")
                    let csv = Path.Combine(out, "results.csv")
                    let goodJson, goodCsv = File.ReadAllText json, File.ReadAllText csv

                    let check file change (expected: string list) =
                        edit file change
                        let message = readError out

                        for part in expected do
                            Expect.stringContains message part message

                        File.WriteAllText(json, goodJson)
                        File.WriteAllText(csv, goodCsv)

                    check json (fun text -> text.Substring(0, 300)) [ json ]
                    check json _.Replace("\"seeds\": 3", "\"seeds\": \"three\"") [ json; "$.settings.seeds" ]
                    check json _.Replace("\"rollout-l3\"", "\"rollout-l0\"") [ csv; "3"; "a contender" ]

                    check
                        json
                        _.Replace("\"phase\": \"before\"", "\"phase\": \"earlier\"")
                        [ json; "'earlier'"; "before" ]

                    check json _.Replace("\"goal\"", "\"gaol\"") [ json; "gaol" ]
                    check csv (withCell 7 "reward" "much") [ $"{csv}:7"; "column reward"; "'much'" ]
                    check csv (withCell 7 "seed" "-1") [ $"{csv}:7"; "column seed"; "'-1'"; "whole number" ]
                    check csv (withCell 7 "slo_excess" "") [ $"{csv}:7"; "column slo_excess"; "a number" ]
                    check csv (withCell 7 "contender" "nobody") [ $"{csv}:7"; "'nobody'" ]
                    check csv _.Replace("slo_excess", "excess") [ $"{csv}:1"; "slo_excess" ]

                    check
                        csv
                        (fun text -> text.Substring(0, text.TrimEnd().LastIndexOf '\n'))
                        [ csv; "314 rows"; "expected 315" ]

                    File.Delete csv
                    Expect.stringContains (readError out) $"{csv}: no such file" "missing")
            }
        ]
