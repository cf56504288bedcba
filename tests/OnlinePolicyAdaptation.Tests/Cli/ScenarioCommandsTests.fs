module OnlinePolicyAdaptation.Tests.Cli.ScenarioCommands

open System.IO
open Expecto
open OnlinePolicyAdaptation.Tests

[<Tests>]
let tests =
    testList
        "Cli.ScenarioCommands"
        [
            test "a new scenario is written, checked and controlled" {
                Scratch.withFolder (fun folder ->
                    let written = Opar.run folder [ "scenario"; "new"; "mesh"; "--services"; "2" ]
                    Expect.equal written.ExitCode 0 written.Errors
                    let fine = Opar.run folder [ "scenario"; "check"; "mesh" ]
                    Expect.equal fine.ExitCode 0 fine.Errors
                    Expect.stringContains fine.Output "mesh-2-2: fine" "fine"
                    let again = Opar.run folder [ "scenario"; "new"; "mesh" ]
                    Expect.equal again.ExitCode 1 "not replaced"

                    let controlled =
                        Opar.run folder [ "control"; "mesh"; "--simulate"; "--cycles"; "3" ]

                    Expect.equal controlled.ExitCode 0 controlled.Errors)
            }

            test "every fault of a scenario is told" {
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder
                    let path = Path.Combine(folder, "scenario.json")

                    File.WriteAllText(
                        path,
                        SmallScenario.json.Replace("0.99", "2").Replace("\"seeds\": 3", "\"seeds\": 0")
                    )

                    let outcome = Opar.run folder [ "scenario"; "check"; "." ]
                    Expect.equal outcome.ExitCode 1 "faulty"
                    Expect.stringContains outcome.Errors "goal.discount: 2" "one"
                    Expect.stringContains outcome.Errors "experiment.seeds: 0" "the other"
                    Expect.stringContains outcome.Errors "2 faults" "how many")
            }
        ]
