module OnlinePolicyAdaptation.Tests.Experiments.Sweep

open System
open System.IO
open Expecto
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private axis text =
    match Sweep.axis text with
    | Ok axis -> axis
    | Error message -> failtest message

let private texts (point: SweepPoint) =
    [ for field, value in point -> field, Sweep.text value ]

let private sweep folder extra =
    Opar.run
        folder
        ([
            "sweep"
            folder
            "--vary"
            "controller.estimation.forgetting=newest:3,never"
            "--vary"
            "goal.discount=0.9,0.99"
            "--seeds"
            "2"
            "--out"
            Path.Combine(folder, "out")
         ]
         @ extra)

[<Tests>]
let tests =
    testList
        "Experiments.Sweep"
        [
            test "values are JSON or text, and lists are one value" {
                let values (text: string) =
                    (axis text).Values |> List.map _.ToJsonString()

                Expect.equal (values "a.b=1,2.5,true") [ "1"; "2.5"; "true" ] "JSON"
                Expect.equal (values "a=newest:3, never") [ "\"newest:3\""; "\"never\"" ] "text"
                Expect.equal (values "a=[1],[1,3]") [ "[1]"; "[1,3]" ] "lists"
            }

            test "what is no axis is refused with what was expected" {
                for text in [ "a"; "a="; "=1"; "a=1,,2"; "" ] do
                    match Sweep.axis text with
                    | Ok _ -> failtest $"accepted: {text}"
                    | Error message -> Expect.stringContains message "expected a field and its values" text
            }

            test "points are all combinations, the last axis fastest" {
                let points = Sweep.points [ axis "x=1,2"; axis "y=a,b" ] |> List.map texts

                let expected =
                    [
                        for x in [ "1"; "2" ] do
                            for y in [ "a"; "b" ] -> [ "x", x; "y", y ]
                    ]

                Expect.equal points expected "the grid"
            }

            test "each point is the scenario with its values, checked as the scenario's own are" {
                SmallScenario.withScenario (fun folder _ ->
                    let at text =
                        Sweep.points [ axis text ] |> List.map (Scenario.loadWith folder)

                    match at "goal.discount=0.9,0.95" with
                    | [ Ok first; Ok second ] ->
                        let discounts = [ first.Goal.Discount; second.Goal.Discount ]
                        Expect.equal (discounts |> List.map _.Value) [ 0.9; 0.95 ] "one each"
                    | other -> failtest $"{other}"

                    for text, place in
                        [
                            "goal.discount=2", "goal.discount"
                            "controller.estimation.trees=0", "controller.estimation.trees"
                            "controller.estimation.treez=1", "controller.estimation.treez"
                            "nothing.here=1", "nothing.here"
                        ] do
                        match at text with
                        | [ Error message ] -> Expect.stringContains message place text
                        | other -> failtest $"{text}: {other}")
            }

            test "an interrupted sweep goes on, and comes to the same as one that was not" {
                SmallScenario.withScenario (fun folder _ ->
                    let whole = sweep folder []
                    Expect.equal whole.ExitCode 0 whole.Errors
                    let out name = Path.Combine(folder, "out", name)
                    let csv = File.ReadAllText(out "sweep.csv")
                    File.Delete(out "points/002.json")
                    let kept = File.GetLastWriteTimeUtc(out "points/001.json")
                    let again = sweep folder []
                    Expect.equal again.ExitCode 0 again.Errors
                    Expect.stringContains again.Errors "3 of 4 points were run before" "said"
                    Expect.equal (File.GetLastWriteTimeUtc(out "points/001.json")) kept "not run again"

                    let withoutTimes (text: string) =
                        text.Split '\n'
                        |> Array.filter (fun line -> not (line.Contains ",decision_seconds,"))

                    Expect.equal (withoutTimes (File.ReadAllText(out "sweep.csv"))) (withoutTimes csv) "the same")
            }

            test "points of other settings are run again" {
                SmallScenario.withScenario (fun folder _ ->
                    sweep folder [] |> ignore
                    File.AppendAllText(Path.Combine(folder, "after.csv"), "5,1,5,5,0.1\n")
                    let again = sweep folder []
                    Expect.equal again.ExitCode 0 again.Errors
                    Expect.isFalse (again.Errors.Contains "were run before") "another trace")
            }
        ]
