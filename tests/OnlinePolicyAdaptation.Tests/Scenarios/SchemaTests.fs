module OnlinePolicyAdaptation.Tests.Scenarios.Schema

open System.IO
open Expecto
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Tests

let private shipped name =
    Path.Combine(Repository.folder, "scenarios", name)

[<Tests>]
let tests =
    testList
        "Scenarios.Schema"
        [
            test "the schema beside the scenarios is the one that is printed" {
                Expect.equal (File.ReadAllText(shipped "scenario.schema.json")) Schema.text.Value "opar scenario schema"
            }

            test "every scenario names it" {
                for file in Directory.GetFiles(shipped "", "*.json", SearchOption.AllDirectories) do
                    if not (file.EndsWith "schema.json") then
                        Expect.stringContains (File.ReadAllText file) "\"$schema\": \"../scenario.schema.json\"" file
            }

            for services, nodes in [ 1, 1; 2, 2; 3, 3; 5, 2; 2, 5; 500, 500 ] do
                test $"a new mesh of {services} services on {nodes} nodes is fine" {
                    Scratch.withFolder (fun folder ->
                        let folder = Path.Combine(folder, "new")

                        match NewScenario.write folder services nodes with
                        | Error message -> failtest message
                        | Ok path ->
                            match Scenario.check path with
                            | Error faults -> failtest (String.concat "\n" faults)
                            | Ok scenario ->
                                Expect.equal scenario.System.Topology.Services.Count services "services"
                                Expect.equal scenario.System.Topology.Nodes.Count nodes "nodes"
                                Expect.equal scenario.Experiment.ChangeAt 30 "the change"

                                match scenario.Simulation with
                                | None -> failtest "no simulation"
                                | Some simulation ->
                                    let speeds (mesh: OnlinePolicyAdaptation.Domain.Environments.MeshParameters) =
                                        mesh.Nodes |> Seq.map _.Speed |> List.ofSeq

                                    let after =
                                        scenario.Experiment.Changes
                                        |> List.tryLast
                                        |> Option.bind _.Mesh
                                        |> Option.map speeds

                                    let fast = List.replicate nodes 1.0
                                    Expect.equal (speeds simulation.Mesh) fast "before"
                                    Expect.equal after (Some(0.6 :: List.tail fast)) "node 1 becomes slower")
                }

            test "a new scenario replaces nothing" {
                Scratch.withFolder (fun folder ->
                    let path = Path.Combine(folder, "scenario.json")
                    File.WriteAllText(path, "mine")

                    match NewScenario.write folder 2 2 with
                    | Ok _ -> failtest "replaced"
                    | Error message ->
                        Expect.stringContains message path "named"
                        Expect.equal (File.ReadAllText path) "mine" "kept")
            }
        ]
