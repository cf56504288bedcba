module OnlinePolicyAdaptation.Tests.Scenarios.TestbedPart

open System.IO
open Expecto
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private service = """{ "kind": "compute", "workMilliseconds": 3 }"""

/// The small scenario with a section live, and with these changes.
let private json testbed changes =
    SmallScenario.json
        .Replace(
            "\"controller\"",
            "\"live\": { \"intervalSeconds\": 4, \"testbed\": "
            + testbed
            + " }, \"controller\""
        )
        .Replace("""{ "atCycle": 10, "trace": "after.csv" }""", changes)

let private slower =
    """{ "atCycle": 10, "testbed": [{ "slowdown": { "node": "n2", "factor": 3 } }, { "gone": "n1" }] },
       { "atCycle": 20, "testbed": [{ "back": "n1" }, { "work": { "service": "s", "factor": 2 } }] }"""

let private loaded testbed changes =
    Scratch.withFolder (fun folder ->
        let path = Path.Combine(folder, "scenario.json")
        File.WriteAllText(path, json testbed changes)
        Scenario.load path)

let private refuses name testbed changes (parts: string list) =
    test name {
        match loaded testbed changes with
        | Ok _ -> failtest "accepted"
        | Error message ->
            for part in parts do
                Expect.stringContains message part "names place and value"
    }

let private usual = "{ \"services\": [" + service + "] }"

[<Tests>]
let tests =
    testList
        "Scenarios.TestbedPart"
        [
            test "a scenario says what its testbed is made of, and what happens to it" {
                match loaded usual slower with
                | Error message -> failtest message
                | Ok scenario ->
                    Expect.equal
                        scenario.Live.Testbed
                        (Some
                            {
                                Schedule = MonitoringSchedule(IntervalSeconds = 4.0, SettlingSeconds = 2.0)
                                CoreShare = 0.1
                                Services =
                                    [
                                        {
                                            IsInformation = false
                                            WorkMilliseconds = 3.0
                                            SquaredVariation = 1.0
                                        }
                                    ]
                                Nodes =
                                    [
                                        for _ in 1..2 ->
                                            {
                                                Cores = 1.0
                                                Slowdown = 1.0
                                                Port = 0
                                            }
                                    ]
                                HasHaProxy = false
                                FrontPort = 0
                                Recording =
                                    {
                                        Intervals = 3
                                        LoadLevels = None
                                        Seed = 1
                                    }
                            })
                        "settings"

                    Expect.equal
                        (scenario.Experiment.Changes
                         |> List.map (fun change -> change.FromCycle, change.Testbed))
                        [
                            10, [ TestbedChange.Slowdown(1, 3.0); TestbedChange.Gone 0 ]
                            20, [ TestbedChange.Back 0; TestbedChange.Work(0, 2.0) ]
                        ]
                        "changes, each with its own alone"
            }

            refuses
                "a service too few"
                """{ "services": [] }"""
                slower
                [ "live.testbed.services: 0 entries"; "1, one per service" ]

            refuses
                "a node too few"
                ("{ \"services\": [" + service + "], \"nodes\": [{ \"cores\": 2 }] }")
                slower
                [ "live.testbed.nodes: 1 entries"; "2, one per node, or none at all" ]

            refuses
                "cores that are more than a CPU"
                ("{ \"services\": [" + service + "], \"coreShare\": 0.21 }")
                slower
                [ "live.testbed.coreShare: 0.21"; "at most 0.2, so that 5 cores are one CPU" ]

            refuses
                "loads for another number of services"
                ("{ \"services\": ["
                 + service
                 + "], \"recording\": { \"loadLevels\": [[5], [5, 6]] } }")
                slower
                [ "live.testbed.recording.loadLevels[1]: 2 entries"; "1, one load per service" ]

            refuses
                "a change of an unknown node"
                usual
                """{ "atCycle": 10, "testbed": [{ "gone": "n3" }] }"""
                [ "experiment.changes[0].testbed[0].gone: 'n3'"; "n1, n2" ]

            refuses
                "two changes in one"
                usual
                """{ "atCycle": 10, "testbed": [{ "gone": "n1", "back": "n2" }] }"""
                [ "experiment.changes[0].testbed[0]: gone, back"; "exactly one" ]

            refuses
                "a ramp"
                usual
                """{ "atCycle": 10, "ramp": { "cycles": 4 }, "testbed": [{ "gone": "n1" }] }"""
                [ "experiment.changes[0].ramp"; "no testbed" ]
        ]
