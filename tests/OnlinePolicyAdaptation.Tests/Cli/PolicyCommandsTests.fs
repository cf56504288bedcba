module OnlinePolicyAdaptation.Tests.Cli.PolicyCommands

open System.Collections.Generic
open System.IO
open Expecto
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

/// Runs the command in this process on a folder with the small scenario and a state_dict of two inputs; its exit code.
let private import (more: string list) (check: string -> int -> ActorCriticNetwork -> unit) =
    Scratch.withFolder (fun folder ->
        SmallScenario.write folder

        let network =
            ActorCriticNetwork(
                Networks.perceptron (RandomKey 1UL) Activation.Tanh [ 2; 8; 8; 6 ],
                Networks.perceptron (RandomKey 2UL) Activation.Tanh [ 2; 8; 8; 1 ]
            )

        let exported = Path.Combine(folder, "exported.safetensors")
        let out = Path.Combine(folder, "policy.safetensors")
        File.WriteAllBytes(exported, SafetensorsFile.Write(Dictionary(), NetworkTensors.Of network))

        let exitCode =
            Program.main
                [|
                    "policy"
                    "import"
                    exported
                    "--scenario"
                    folder
                    "--out"
                    out
                    yield! more
                |]

        check out exitCode network)

[<Tests>]
let tests =
    testList
        "Cli.PolicyCommands"
        [
            test "an imported policy has the network's weights and the scenario's controls" {
                import [ "--activation"; "relu"; "--observation"; "levels" ] (fun out exitCode network ->
                    Expect.equal exitCode 0 "done"
                    let saved = PolicyFile.Load out
                    Expect.equal saved.Encoding.Grid TwoNodes.grid "controls"
                    Expect.equal saved.Network.Actor.Activation Activation.Relu "activation"
                    Expect.equal saved.Encoding.Inputs[1].Offset 1.0 "level 0 is one core"

                    for mine, theirs in Seq.zip (NetworkTensors.Of saved.Network) (NetworkTensors.Of network) do
                        Expect.equal mine.Name theirs.Name "name"
                        Expect.sequenceEqual mine.Values theirs.Values "weights"

                    Expect.equal (Program.main [| "policy"; "show"; out |]) 0 "shown")
            }

            for options in
                [
                    [ "--loads"; "5..15" ]
                    [ "--loads"; "15..5" ]
                    [ "--activation"; "gelu" ]
                    [ "--observation"; "pixels" ]
                ] do
                test $"""an import with {String.concat " " options} fails and writes nothing""" {
                    import options (fun out exitCode _ ->
                        Expect.equal exitCode 1 "failed"
                        Expect.isFalse (File.Exists out) "nothing written")
                }
        ]
