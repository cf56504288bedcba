module OnlinePolicyAdaptation.Tests.Cli.PolicyCommands

open System.Collections.Generic
open System.IO
open Expecto
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

/// A network for the small scenario, which sees its two controls.
let private network =
    ActorCriticNetwork(
        Networks.perceptron (RandomKey 1UL) Activation.Tanh [ 2; 8; 8; 6 ],
        Networks.perceptron (RandomKey 2UL) Activation.Tanh [ 2; 8; 8; 1 ]
    )

let private stateDict =
    SafetensorsFile.Write(Dictionary(), NetworkTensors.Of network)

/// Runs the command in this process on a folder with the small scenario and a file of this name and content; its exit code.
let private importFile (name: string) (content: byte[]) (more: string list) (check: string -> int -> unit) =
    Scratch.withFolder (fun folder ->
        SmallScenario.write folder
        let exported = Path.Combine(folder, name)
        let out = Path.Combine(folder, "policy.safetensors")
        File.WriteAllBytes(exported, content)

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
        |> check out)

let private import more check =
    importFile "exported.safetensors" stateDict more check

[<Tests>]
let tests =
    testList
        "Cli.PolicyCommands"
        [
            test "an imported policy has the network's weights and the scenario's controls" {
                import [ "--activation"; "relu"; "--observation"; "levels" ] (fun out exitCode ->
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
                    import options (fun out exitCode ->
                        Expect.equal exitCode 1 "failed"
                        Expect.isFalse (File.Exists out) "nothing written")
                }

            test "an actor of an ONNX file becomes a policy without a critic" {
                importFile "actor.ONNX" (OnnxFile.actor network.Actor) [] (fun out exitCode ->
                    Expect.equal exitCode 0 "done"
                    let saved = PolicyFile.Load out
                    Expect.equal saved.Encoding.Grid TwoNodes.grid "controls"
                    Expect.equal saved.Origin.Settings["importedFrom"] "actor.ONNX" "where it comes from"
                    Expect.isNull saved.Network.Critic "no critic"
                    Expect.isFalse (saved.Policy() :? NetworkPolicy) "no value function"

                    for mine, theirs in Seq.zip saved.Network.Actor.Layers network.Actor.Layers do
                        Expect.sequenceEqual mine.Weights theirs.Weights "weights"
                        Expect.sequenceEqual mine.Biases theirs.Biases "biases"

                    Expect.equal (Program.main [| "policy"; "show"; out |]) 0 "shown")
            }

            for name, content, options in
                [
                    "a state_dict named like an ONNX file", stateDict, []
                    "an ONNX file with an activation", OnnxFile.actor network.Actor, [ "--activation"; "tanh" ]
                    "an ONNX file that sees loads too", OnnxFile.actor network.Actor, [ "--loads"; "5..15" ]
                    "an ONNX file for three controls",
                    OnnxFile.actor (Networks.perceptron (RandomKey 1UL) Activation.Tanh [ 2; 8; 9 ]),
                    []
                ] do
                test $"an import of {name} fails and writes nothing" {
                    importFile "actor.onnx" content options (fun out exitCode ->
                        Expect.equal exitCode 1 "failed"
                        Expect.isFalse (File.Exists out) "nothing written")
                }

            test "only an import of ONNX loads ONNX Runtime, and no import loads libtorch" {
                Scratch.withFolder (fun folder ->
                    SmallScenario.write folder
                    File.WriteAllBytes(Path.Combine(folder, "exported.safetensors"), stateDict)
                    File.WriteAllBytes(Path.Combine(folder, "actor.onnx"), OnnxFile.actor network.Actor)

                    let libraries file =
                        Opar.librariesOf folder [ "policy"; "import"; file; "--scenario"; "."; "--out"; "p.policy" ]

                    let safetensors, onnx = libraries "exported.safetensors", libraries "actor.onnx"
                    Expect.stringContains safetensors "libcoreclr.so" "the linker's log is there"
                    Expect.isFalse (safetensors.Contains "libonnxruntime") "not for safetensors"
                    Expect.stringContains onnx "libonnxruntime.so" "seen where it is loaded"
                    Expect.isFalse ((safetensors + onnx).Contains "libtorch") "no libtorch")
            }
        ]
