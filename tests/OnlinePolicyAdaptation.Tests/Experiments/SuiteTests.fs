module OnlinePolicyAdaptation.Tests.Experiments.Suite

open System.IO
open System.Threading
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private there =
    {
        Name = "there"
        Title = "node 2 becomes slower"
        Fields =
            [
                "experiment.cycles", "12"
                "experiment.changes", """[{ "atCycle": 4, "nodes": [{ "node": "n2", "speed": 0.3 }] }]"""
            ]
    }

let private still =
    {
        Name = "still"
        Title = "nothing changes"
        Fields = [ "experiment.cycles", "6"; "experiment.changes", "[]" ]
    }

let private inFolder test =
    Scratch.withFile
        "scenario.json"
        (SmallScenario.simulated """{ "atCycle": 4, "nodes": [{ "node": "n2", "speed": 0.5 }] }""")
        (fun path -> test (Path.GetDirectoryName path |> string))

let private runIn folder seeds pattern =
    let edit (scenario: Scenario) =
        { scenario with
            Experiment.Seeds = seeds
        }

    match Suite.run folder folder edit $"seeds {seeds}" "here" 2 CancellationToken.None pattern with
    | Ok outcome -> outcome
    | Error message -> failtest message

[<Tests>]
let tests =
    testList
        "Experiments.Suite"
        [
            test "a pattern that was run is not run again, unless something of it has changed" {
                inFolder (fun folder ->
                    let first = runIn folder 1 there
                    let elapsed (outcome: SuiteOutcome) = outcome.Outcome.ElapsedSeconds
                    Expect.equal first.Outcome.Settings.Title there.Title "its title"
                    Expect.equal first.Outcome.Settings.Cycles 12 "its cycles"
                    Expect.equal (runIn folder 1 there |> elapsed) (elapsed first) "the same run"
                    let more = runIn folder 2 there
                    Expect.equal more.Outcome.Settings.Seeds 2 "other settings"

                    let longer =
                        { there with
                            Fields = ("experiment.cycles", "13") :: List.tail there.Fields
                        }

                    Expect.equal (runIn folder 2 longer).Outcome.Settings.Cycles 13 "other fields"
                    // Interrupted before the fingerprint: results alone count for nothing.
                    File.Delete(Path.Combine(folder, "there", "fingerprint.txt"))
                    Expect.notEqual (runIn folder 2 longer |> elapsed) (elapsed more) "run again")
            }

            test "the tables hold each pattern's stages, and where nothing changes false alarms" {
                inFolder (fun folder ->
                    let outcomes = [ runIn folder 2 there; runIn folder 2 still ]
                    let tables = SuiteReport.tables outcomes |> Map.ofList

                    match snd tables["Adapting, stage by stage"] with
                    | [ row ] -> Expect.equal (List.take 3 row) [ "there"; "change-1"; "8" ] "one stage"
                    | rows -> failtest $"{rows}"

                    let header, rows = tables["Dynamic regret"]
                    Expect.equal header [ "dynamic regret"; "there"; "all" ] "patterns that change"

                    let regret contender =
                        outcomes.Head.Outcome.Stages
                        |> List.find (fun s -> s.Contender = contender && s.Stage = 1)
                        |> _.Regret

                    let expected =
                        let values = regret Contender.Optimum |> Array.sort
                        $"{Numbers.fixed' 1 ((values[0] + values[1]) / 2.0)} ({Numbers.fixed' 1 values[1]})"

                    Expect.equal (rows |> List.last |> List.item 1) expected "of the optimum"
                    Expect.isNonEmpty (snd tables["Where nothing changes"]) "false alarms"

                    for heading, _ in SuiteReport.tables outcomes do
                        Expect.stringContains (SuiteReport.markdown outcomes) heading "markdown"
                        Expect.stringContains (SuiteReport.html "t" "q" "c" outcomes) heading "page")
            }
        ]
