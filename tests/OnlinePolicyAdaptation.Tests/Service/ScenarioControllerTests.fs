/// The controller of a scenario: where it may go.
module OnlinePolicyAdaptation.Tests.Service.ScenarioController

open System.IO
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Tests
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service

/// The small scenario with cores from 0 to 5, of which those from `fewest` were recorded, and this part of its controller.
let private explored fewest controller =
    Scratch.withFolder (fun folder ->
        SmallScenario.write folder
        let scenario = Path.Combine(folder, "scenario.json")

        File.WriteAllText(
            scenario,
            SmallScenario.json
                .Replace(
                    "\"lowest\": 1, \"highest\": 5, \"levels\": 5",
                    "\"lowest\": 0, \"highest\": 5, \"levels\": 6"
                )
                .Replace("\"controller\": {", "\"controller\": { \"basePolicy\": { \"random\": {} }, " + controller)
        )

        let before = Path.Combine(folder, "before.csv")

        let isKept (line: string) =
            line.StartsWith 'l' || int (line.Split(',')[2]) >= fewest

        File.WriteAllLines(before, File.ReadAllLines before |> Array.filter isKept)

        fun knowsTrace ->
            ScenarioController.create
                (SmallScenario.load folder)
                Mode.Act
                (Planner.Rollout 1)
                Clock.Lockstep
                knowsTrace
                (RandomKey 1UL)
            |> Result.map (fun cycle ->
                [
                    for struct (lowest, highest) in cycle.Settings.Guard.Explored -> lowest, highest
                ],
                ScenarioController.unexplored cycle)
        |> fun create -> create true, create false)

let private whole = [ (0, 5); (1, 5) ]

[<Tests>]
let tests =
    testList
        "Service.ScenarioController"
        [
            test "what lies beyond the recording is not entered, nor 0 cores; it says so" {
                let known, unknown = explored 3 ""
                Expect.equal known (Ok([ (0, 5); (3, 5) ], [ "c1 keeps within 3 to 5" ])) "as recorded"
                Expect.equal unknown (Ok(whole, [ "c1 keeps within 1 to 5" ])) "without the recording: all that serves"
            }

            test "everything is entered where that is asked for" {
                let known, unknown = explored 3 "\"exploration\": { \"levels\": \"all\" }, "
                Expect.equal known (Ok([ (0, 5); (0, 5) ], [])) "0 cores as well"
                Expect.equal unknown known "with or without a recording"
            }

            test "a control that was recorded at one level stays there, and it says so" {
                let known, _ = explored 5 ""
                Expect.equal known (Ok([ (0, 5); (5, 5) ], [ "c1 stays at 5" ])) "as recorded"
            }

            test "bounds that hold nothing of the recording are refused" {
                let known, _ =
                    explored 3 "\"guard\": { \"bounds\": { \"c1\": { \"lowest\": 1, \"highest\": 2 } } }, "

                Expect.equal
                    known
                    (Error
                        "controller.guard.bounds.c1: 1 to 2, which was never measured; expected some of 3 to 5, or controller.exploration.levels: all")
                    "with place, value and what is expected"
            }

            test "a word that is none of exploration is refused" {
                let refused =
                    Scratch.withFolder (fun folder ->
                        SmallScenario.write folder

                        File.WriteAllText(
                            Path.Combine(folder, "scenario.json"),
                            SmallScenario.json.Replace(
                                "\"controller\": {",
                                "\"controller\": { \"exploration\": { \"levels\": \"some\" }, "
                            )
                        )

                        OnlinePolicyAdaptation.Scenarios.Scenario.load folder |> Result.map ignore)

                match refused with
                | Error message ->
                    for word in [ "controller.exploration.levels"; "some"; "recorded"; "all" ] do
                        Expect.stringContains message word "place, value, expected"
                | Ok() -> failtest "it was taken"
            }
        ]
