module OnlinePolicyAdaptation.Tests.Scenarios.ChangedSystem

open System.IO
open Expecto
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private checkedWith changes =
    let mutable result = Error []

    Scratch.withFile "scenario.json" (SmallScenario.simulated changes) (fun path ->
        result <- Scenario.check (Path.GetDirectoryName path |> string))

    result

let private loaded changes =
    match checkedWith changes with
    | Ok scenario -> scenario
    | Error faults -> failtest (String.concat "\n" faults)

let private speeds (change: ChangedSystem) =
    match change.Mesh with
    | Some mesh -> mesh.Nodes |> Seq.map _.Speed |> List.ofSeq
    | None -> failtest "no mesh"

let private refuses name changes (part: string) =
    testCase name (fun () ->
        match checkedWith changes with
        | Ok _ -> failtest "accepted"
        | Error faults -> Expect.exists faults (fun fault -> fault.Contains part) $"{part} in {faults}")

[<Tests>]
let tests =
    testList
        "Scenarios.ChangedSystem"
        [
            test "changes add up, and what is not named stays" {
                let scenario =
                    loaded
                        """{ "atCycle": 4, "name": "slow", "nodes": [{ "node": "n2", "speed": 0.5 }] },
                           { "atCycle": 9, "nodes": [{ "node": "n1", "latencySeconds": 0.03, "capacity": 7 }] },
                           { "atCycle": 12, "services": [{ "service": "s", "serviceTimeSeconds": 0.1 }] }"""

                let changes = scenario.Experiment.Changes
                Expect.equal (changes |> List.map _.FromCycle) [ 4; 9; 12 ] "cycles"
                Expect.equal (changes |> List.map _.Stage) [ 1; 2; 3 ] "a stage each"
                Expect.equal (changes |> List.map _.StageName) [ "slow"; "change-2"; "change-3" ] "names"
                Expect.all changes (fun change -> speeds change = [ 1.0; 0.5 ]) "speeds"

                let last =
                    match changes[2].Mesh with
                    | Some mesh -> mesh
                    | None -> failtest "no mesh"

                Expect.equal last.Nodes[0].LatencySeconds 0.03 "latency"
                Expect.equal last.Nodes[0].Capacity (System.Nullable 7) "capacity"
                Expect.equal last.Nodes[1].LatencySeconds 0.0 "of the other node"
                Expect.equal last.ServiceTimes[0] (ServiceTime.Deterministic 0.1) "as distributed before"

                let kept =
                    match changes[1].Mesh with
                    | Some mesh -> mesh.ServiceTimes[0].MeanSeconds
                    | None -> nan

                Expect.equal kept 0.065 "until then"

                Expect.equal
                    [ for cycle in [ 0; 3; 4; 8; 9; 50 ] -> Scenario.systemOf scenario cycle ]
                    [ 0; 0; 1; 1; 2; 3 ]
                    "in force"
            }

            test "a ramp goes there in equal steps, and what comes after it is a stage of its own" {
                let scenario =
                    loaded
                        """{ "atCycle": 10, "name": "drift", "ramp": { "cycles": 80, "steps": 10 },
                             "nodes": [{ "node": "n2", "speed": 1 }], "loads": [{ "service": "s", "load": { "requestsPerSecond": 10 } }] }"""

                let changes = scenario.Experiment.Changes
                Expect.equal (changes |> List.map _.FromCycle) [ 10..8..90 ] "steps, and the end"
                Expect.equal (changes |> List.map _.StageName |> List.distinct) [ "drift-ramp"; "drift" ] "names"
                Expect.equal (changes |> List.map _.Stage) (List.replicate 10 1 @ [ 2 ]) "stages"

                for i, change in List.indexed (List.take 10 changes) do
                    let share = float (i + 1) / 10.0
                    Expect.floatClose Accuracy.high (List.last (speeds change)) (2.0 - share) "speed"

                    match ChangedSystem.loads scenario.Experiment.OfferedLoads change with
                    | [ OfferedLoad.Constant rate ] ->
                        Expect.floatClose Accuracy.high rate.PerSecond (5.0 + 5.0 * share) "load"
                    | other -> failtest $"{other}"

                Expect.equal (speeds changes[10]) [ 1.0; 1.0 ] "complete"
            }

            test "loads change for the mesh and for planning, and a load that comes back is the same one" {
                let scenario =
                    loaded
                        """{ "atCycle": 3, "loads": [{ "service": "s", "load": { "steps": { "rates": [10, 15], "every": 1 } } }] },
                           { "atCycle": 6, "loads": [{ "service": "s", "load": { "requestsPerSecond": 5 } }] }"""

                let pattern = (MeshEnvironment.loads scenario 20.0 (RandomKey 1UL)).Head

                let rate cycle =
                    (pattern.RateAt(20.0 * cycle)).PerSecond

                Expect.equal [ for cycle in 0..2 -> rate (float cycle) ] [ 5.0; 5.0; 5.0 ] "before"
                Expect.all [ for cycle in 3..5 -> rate (float cycle) ] (fun r -> r = 10.0 || r = 15.0) "steps"
                Expect.equal (rate 6.0) 5.0 "back"

                Expect.equal
                    (Scenario.loadLevels scenario |> List.map (fun levels -> levels[0].PerSecond))
                    [ 5.0; 10.0; 15.0 ]
                    "all are planned for"
            }

            test "one change can be moved, several cannot" {
                let slow = """{ "atCycle": 4, "nodes": [{ "node": "n2", "speed": 0.5 }] }"""
                let one = (loaded slow).Experiment

                match Scenario.withChange (Some 7) None one with
                | Ok moved -> Expect.equal moved.ChangeAt 7 "moved"
                | Error message -> failtest message

                let two =
                    (loaded $"""{slow}, {{ "atCycle": 8, "nodes": [{{ "node": "n2", "speed": 2 }}] }}""").Experiment

                match Scenario.withChange (Some 7) None two with
                | Ok _ -> failtest "which one?"
                | Error message -> Expect.stringContains message "2 systems" "said"

                match Scenario.withChange None None two with
                | Ok same -> Expect.equal same two "nothing asked for"
                | Error message -> failtest message
            }

            refuses "a change of nothing" """{ "atCycle": 4 }""" "experiment.changes[0]: nothing that changes"
            refuses
                "a node that is not there"
                """{ "atCycle": 4, "nodes": [{ "node": "n3", "speed": 1 }] }"""
                "experiment.changes[0].nodes[0].node: 'n3' is no node"
            refuses
                "a change before the one before"
                """{ "atCycle": 4, "nodes": [{ "node": "n2", "speed": 1 }] }, { "atCycle": 4, "nodes": [{ "node": "n2", "speed": 2 }] }"""
                "experiment.changes[1].atCycle: 4; expected at least 5"
            refuses
                "a change during a ramp"
                """{ "atCycle": 4, "ramp": { "cycles": 10 }, "nodes": [{ "node": "n2", "speed": 1 }] }, { "atCycle": 13, "nodes": [{ "node": "n2", "speed": 2 }] }"""
                "experiment.changes[1].atCycle: 13; expected at least 14"
            refuses
                "more steps than cycles"
                """{ "atCycle": 4, "ramp": { "cycles": 10, "steps": 11 }, "nodes": [{ "node": "n2", "speed": 1 }] }"""
                "experiment.changes[0].ramp.steps: 11; expected at most 10"
            refuses
                "a ramp to a trace"
                """{ "atCycle": 4, "ramp": { "cycles": 10 }, "trace": "after.csv" }"""
                "experiment.changes[0].ramp: a ramp to a trace"
            refuses
                "a ramp of a load that swings"
                """{ "atCycle": 4, "ramp": { "cycles": 10 }, "loads": [{ "service": "s", "load": { "sine": { "mean": 10, "amplitude": 2, "period": 9 } } }] }"""
                "experiment.changes[0].ramp: a ramp of a load that swings"
            refuses
                "a speed of 0"
                """{ "atCycle": 4, "nodes": [{ "node": "n2", "speed": 0 }] }"""
                "experiment.changes[0].nodes[0].speed: 0; expected a number above 0"
        ]
