module OnlinePolicyAdaptation.Tests.Onnx.OnnxActorFile

open System
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Onnx
open OnlinePolicyAdaptation.Tests

let private read (bytes: byte[]) = OnnxActorFile.Read(bytes, "a.onnx")

let private perceptron activation sizes =
    Networks.perceptron (RandomKey 5UL) activation sizes

let private network = perceptron Activation.Tanh [ 2; 3; 3; 6 ]
let private sound = OnnxFile.actor network
let private ends = [ OnnxFile.inputOf network; OnnxFile.outputOf network ]
let private parts = OnnxFile.gemms network

/// The sound graph with some more parts.
let private with' more = OnnxFile.model (parts @ ends @ more)

/// A graph from `observation`, of 2 numbers, to `logits`, of 6.
let private ofNodes nodes = OnnxFile.model (nodes @ ends)

let private zeros name shape =
    OnnxFile.tensor name shape (Seq.replicate (List.fold (*) 1 shape) 0f)

/// The only layer of a graph: a `Gemm` with these attributes and weights.
let private oneGemm attributes weights =
    ofNodes
        [
            OnnxFile.node "Gemm" [ "observation"; "w" ] [ "logits" ] attributes
            OnnxFile.initialiser weights
        ]

let private oneMatMul weights =
    ofNodes
        [
            OnnxFile.node "MatMul" [ "observation"; "w" ] [ "logits" ] []
            OnnxFile.initialiser weights
        ]

/// A layer from 2 numbers to 6 in a file with these messages at its end.
let private oneLayer more =
    OnnxFile.modelWith (
        [
            OnnxFile.graph (
                ends
                @ [
                    OnnxFile.node "MatMul" [ "observation"; "w" ] [ "logits" ] []
                    OnnxFile.initialiser (zeros "w" [ 2; 6 ])
                ]
            )
        ]
        @ more
    )

let private twoLayers between =
    ofNodes (
        [
            OnnxFile.node "MatMul" [ "observation"; "v" ] [ "a" ] []
            yield! between
            OnnxFile.node "MatMul" [ "b"; "w" ] [ "logits" ] []
            OnnxFile.initialiser (zeros "v" [ 2; 4 ])
            OnnxFile.initialiser (zeros "w" [ 4; 6 ])
        ]
    )

/// A message that says it is longer than what follows.
let private longerThanItIs field =
    Array.concat
        [
            OnnxFile.varint (uint64 field <<< 3 ||| 2UL)
            OnnxFile.varint UInt64.MaxValue
            [| 1uy |]
        ]

/// Corrupt and hostile files, and a part of the message each is refused with.
let private hostile =
    [
        "nothing", [||], "has no graph"
        "text", Encoding.UTF8.GetBytes "hello world", "field"
        "a safetensors file", SafetensorsFile.Write(dict [] |> Collections.Generic.Dictionary, [||]), "wire type 0"
        "a byte too many", Array.append sound [| 0uy |], "key 0"
        "a model without a graph", OnnxFile.modelWith [ OnnxFile.operators 13L ], "has no graph"
        "a model without operators", oneLayer [], "no import of standard operators"
        "operators of another domain alone",
        oneLayer [ OnnxFile.message 8 [ OnnxFile.text 1 "evil"; OnnxFile.integer 2 1L ] ],
        "no import of standard operators"
        "operators twice", oneLayer [ OnnxFile.operators 13L; OnnxFile.operators 14L ], "twice"
        "operators from before broadcasting", oneLayer [ OnnxFile.operators 6L ], "version 6"
        "a hundred sets of operators",
        oneLayer (List.replicate 100 (OnnxFile.message 8 [ OnnxFile.text 1 "x" ])),
        "sets"
        "two graphs", Array.append sound (OnnxFile.graph []), "field 7 twice"
        "functions", Array.append sound (OnnxFile.message 25 []), "functions"
        "training information", Array.append sound (OnnxFile.message 20 []), "training_info"
        "a field that ONNX does not have", Array.append sound (OnnxFile.integer 100 1L), "field 100"
        "a group", Array.append sound [| 0x0Buy |], "wire type"
        "a field number of 0", Array.append sound [| 0x02uy; 0uy |], "key 2"
        "a key beyond 32 bits", Array.append sound (OnnxFile.varint (1UL <<< 40)), "key"
        "a number beyond 64 bits",
        Array.append sound (Array.concat [ [| 0x28uy |]; Array.create 9 0xFFuy; [| 2uy |] ]),
        "64 bits"
        "a number without end",
        Array.append sound (Array.append [| 0x28uy |] (Array.create 11 0xFFuy)),
        "more than 10 bytes"
        "a graph of 2^64 bytes", Array.append (OnnxFile.modelWith []) (longerThanItIs 7), "18446744073709551615 bytes"
        "a node of 2^64 bytes", with' [ longerThanItIs 1 ], "18446744073709551615 bytes"
        "a graph of the wrong wire type", OnnxFile.modelWith [ OnnxFile.integer 7 1L ], "wire type 0"

        "two inputs", with' [ OnnxFile.value 11 "more" [ OnnxFile.Fixed 2L ] ], "second input"
        "two outputs", with' [ OnnxFile.value 12 "more" [ OnnxFile.Fixed 2L ] ], "second output"
        "no input", OnnxFile.model (parts @ [ OnnxFile.outputOf network ]), "no input"
        "no output", OnnxFile.model (parts @ [ OnnxFile.inputOf network ]), "no output"
        "an input of doubles",
        OnnxFile.model (
            parts
            @ [
                OnnxFile.valueOf 11L 11 "observation" [ OnnxFile.Any; OnnxFile.Fixed 2L ]
                ends[1]
            ]
        ),
        "elem_type 11"
        "an input without dimensions",
        OnnxFile.model (parts @ [ OnnxFile.value 11 "observation" []; ends[1] ]),
        "shape []"
        "an input that is an image",
        OnnxFile.model (
            parts
            @ [
                OnnxFile.value 11 "observation" (List.replicate 4 (OnnxFile.Fixed 2L))
                ends[1]
            ]
        ),
        "more than 2 dimensions"
        "a batch of a million",
        OnnxFile.model (
            parts
            @ [
                OnnxFile.value 11 "observation" [ OnnxFile.Fixed 1_000_000L; OnnxFile.Fixed 2L ]
                ends[1]
            ]
        ),
        "is 1000000"
        "a batch of 5",
        OnnxFile.model (
            parts
            @ [
                OnnxFile.value 11 "observation" [ OnnxFile.Fixed 5L; OnnxFile.Fixed 2L ]
                ends[1]
            ]
        ),
        "a batch of 1"
        "an input of another length",
        OnnxFile.model (
            parts
            @ [ OnnxFile.value 11 "observation" [ OnnxFile.Any; OnnxFile.Fixed 3L ]; ends[1] ]
        ),
        "takes 2 numbers; expected 3"
        "an output of nothing",
        OnnxFile.model (parts @ [ ends[0]; OnnxFile.value 12 "0.sum" [ OnnxFile.Any ] ]),
        "graph.output"
        "an output of another length",
        OnnxFile.model (
            parts
            @ [ ends[0]; OnnxFile.value 12 "logits" [ OnnxFile.Any; OnnxFile.Fixed 9L ] ]
        ),
        "shape [any, 9]"
        "operators of the far future", oneLayer [ OnnxFile.operators 1_000_000L ], "ONNX Runtime says"
        "an input that hides a constant",
        with' [ OnnxFile.initialiser (zeros "observation" [ 2 ]) ],
        "graph.initializer[6] defines \"observation\""
        "sparse constants", with' [ OnnxFile.message 15 [] ], "sparse_initializer"
        "quantised values", with' [ OnnxFile.message 14 [] ], "quantization_annotation"

        "another operation", twoLayers [ OnnxFile.node "Sigmoid" [ "a" ] [ "b" ] [] ], "(\"Sigmoid\") is not known"
        "an operation of another domain",
        twoLayers [ OnnxFile.node "Tanh" [ "a" ] [ "b" ] [ OnnxFile.text 7 "com.evil" ] ],
        "com.evil"
        "an operation's overload",
        twoLayers [ OnnxFile.node "Tanh" [ "a" ] [ "b" ] [ OnnxFile.text 8 "x" ] ],
        "overload"
        "an operation that controls a terminal", twoLayers [ OnnxFile.node "\u001b[2J" [ "a" ] [ "b" ] [] ], "\\u001B"
        "a subgraph",
        twoLayers
            [
                OnnxFile.node
                    "If"
                    [ "a" ]
                    [ "b" ]
                    [ OnnxFile.message 5 [ OnnxFile.text 1 "then_branch"; OnnxFile.message 6 [] ] ]
            ],
        "a subgraph"
        "a node with two outputs", twoLayers [ OnnxFile.node "Tanh" [ "a" ] [ "b"; "c" ] [] ], "second output"
        "a node without an output", twoLayers [ OnnxFile.node "Tanh" [ "a" ] [] [] ], "no output"
        "a node with four inputs", twoLayers [ OnnxFile.node "Tanh" [ "a"; "a"; "a"; "a" ] [ "b" ] [] ], "inputs"
        "a Tanh of two", twoLayers [ OnnxFile.node "Tanh" [ "a"; "a" ] [ "b" ] [] ], "2 inputs"
        "a Tanh with an attribute",
        twoLayers [ OnnxFile.node "Tanh" [ "a" ] [ "b" ] [ OnnxFile.floatAttribute "alpha" 1f ] ],
        "attribute \"alpha\""
        "a branch",
        twoLayers
            [
                OnnxFile.node "Tanh" [ "a" ] [ "b" ] []
                OnnxFile.node "Relu" [ "a" ] [ "c" ] []
            ],
        "does not follow a layer"
        "a loop", twoLayers [ OnnxFile.node "Tanh" [ "b" ] [ "b" ] [] ], "takes \"b\""
        "a name twice", twoLayers [ OnnxFile.node "Tanh" [ "a" ] [ "a" ] [] ], "defines \"a\""
        "two activations at once",
        twoLayers
            [
                OnnxFile.node "Tanh" [ "a" ] [ "c" ] []
                OnnxFile.node "Tanh" [ "c" ] [ "b" ] []
            ],
        "does not follow a layer"
        "no activation", twoLayers [ OnnxFile.node "Identity" [ "a" ] [ "b" ] [] ], "at once"
        "activations of two kinds",
        ofNodes
            [
                OnnxFile.node "MatMul" [ "observation"; "v" ] [ "a" ] []
                OnnxFile.node "Tanh" [ "a" ] [ "b" ] []
                OnnxFile.node "MatMul" [ "b"; "w" ] [ "c" ] []
                OnnxFile.node "Relu" [ "c" ] [ "logits" ] []
                OnnxFile.initialiser (zeros "v" [ 2; 2 ])
                OnnxFile.initialiser (zeros "w" [ 2; 6 ])
            ],
        "comes after a Tanh"
        "an activation at the end",
        ofNodes
            [
                OnnxFile.node "MatMul" [ "observation"; "w" ] [ "a" ] []
                OnnxFile.node "Tanh" [ "a" ] [ "logits" ] []
                OnnxFile.initialiser (zeros "w" [ 2; 6 ])
            ],
        "1 layers and 1 activations"
        "no layer", ofNodes [ OnnxFile.node "Identity" [ "observation" ] [ "logits" ] [] ], "0 layers"
        "an Add without a MatMul",
        twoLayers
            [
                OnnxFile.node "Tanh" [ "a" ] [ "c" ] []
                OnnxFile.node "Add" [ "c"; "c" ] [ "b" ] []
            ],
        "MatMul"
        "an Add of the value to itself",
        twoLayers [ OnnxFile.node "Add" [ "a"; "a" ] [ "b" ] [] ],
        "expected a constant"
        "a Gemm with a factor", oneGemm [ OnnxFile.floatAttribute "alpha" 2f ] (zeros "w" [ 2; 6 ]), "has alpha 2"
        "a Gemm with a factor that is an integer",
        oneGemm [ OnnxFile.integerAttribute "beta" 1L ] (zeros "w" [ 2; 6 ]),
        "beta of another type"
        "a Gemm of the transposed input",
        oneGemm [ OnnxFile.integerAttribute "transA" 1L ] (zeros "w" [ 2; 6 ]),
        "transA 1"
        "a Gemm transposed twice", oneGemm [ OnnxFile.integerAttribute "transB" 2L ] (zeros "w" [ 2; 6 ]), "transB 2"
        "a Gemm that is transposed where it should not be",
        oneGemm [ OnnxFile.integerAttribute "transB" 1L ] (zeros "w" [ 2; 6 ]),
        "takes 6 numbers"
        "an attribute twice",
        oneGemm (List.replicate 2 (OnnxFile.integerAttribute "transB" 0L)) (zeros "w" [ 2; 6 ]),
        "twice"
        "an attribute of no type",
        oneGemm [ OnnxFile.message 5 [ OnnxFile.text 1 "transB"; OnnxFile.integer 3 0L ] ] (zeros "w" [ 2; 6 ]),
        "type none"
        "an attribute of two types",
        oneGemm
            [
                OnnxFile.message
                    5
                    [
                        OnnxFile.text 1 "transB"
                        OnnxFile.integer 3 0L
                        OnnxFile.single 2 0f
                        OnnxFile.integer 20 2L
                    ]
            ]
            (zeros "w" [ 2; 6 ]),
        "that value alone"
        "a flattening from the front",
        twoLayers
            [
                OnnxFile.node "Tanh" [ "a" ] [ "c" ] []
                OnnxFile.node "Flatten" [ "c" ] [ "b" ] [ OnnxFile.integerAttribute "axis" 0L ]
            ],
        "axis 0"

        "a constant nobody takes", with' [ OnnxFile.initialiser (zeros "spare" [ 2 ]) ], "1 constants"
        "weights for two layers",
        ofNodes
            [
                OnnxFile.node "MatMul" [ "observation"; "v" ] [ "a" ] []
                OnnxFile.node "Tanh" [ "a" ] [ "b" ] []
                OnnxFile.node "Identity" [ "v" ] [ "u" ] []
                OnnxFile.node "MatMul" [ "b"; "u" ] [ "logits" ] []
                OnnxFile.initialiser (zeros "v" [ 2; 2 ])
            ],
        "takes \"u\" again"
        "a thousand nodes",
        with' (List.replicate 1000 (OnnxFile.node "Identity" [ "logits" ] [ "logits" ] [])),
        "more than 256 nodes"
        "a thousand constants",
        with' (List.replicate 1000 (OnnxFile.initialiser (zeros "x" [ 1 ]))),
        "more than 256 initialisers"
        "weights of doubles",
        oneMatMul
            [
                OnnxFile.integer 1 2L
                OnnxFile.integer 1 6L
                OnnxFile.integer 2 11L
                OnnxFile.text 8 "w"
                OnnxFile.bytes 10 (Array.zeroCreate 96)
            ],
        "field 10"
        "weights that say they are doubles",
        oneMatMul
            [
                OnnxFile.integer 1 2L
                OnnxFile.integer 1 6L
                OnnxFile.integer 2 11L
                OnnxFile.text 8 "w"
                OnnxFile.bytes 9 (Array.zeroCreate 96)
            ],
        "data_type 11"
        "weights of half precision",
        oneMatMul
            [
                OnnxFile.integer 1 2L
                OnnxFile.integer 1 6L
                OnnxFile.integer 2 10L
                OnnxFile.text 8 "w"
                OnnxFile.bytes 9 (Array.zeroCreate 24)
            ],
        "data_type 10"
        "weights in another file",
        oneMatMul
            [
                OnnxFile.integer 1 2L
                OnnxFile.integer 1 6L
                OnnxFile.integer 2 1L
                OnnxFile.text 8 "w"
                OnnxFile.message 13 [ OnnxFile.text 1 "location"; OnnxFile.text 2 "../../etc/passwd" ]
                OnnxFile.integer 14 1L
            ],
        "external_data"
        "weights that say they are in another file",
        oneMatMul (zeros "w" [ 2; 6 ] @ [ OnnxFile.integer 14 1L ]),
        "data_location 1"
        "weights in segments", oneMatMul (zeros "w" [ 2; 6 ] @ [ OnnxFile.message 3 [] ]), "field 3"
        "weights raw and in floats", oneMatMul (zeros "w" [ 2; 6 ] @ [ OnnxFile.single 4 0f ]), "expected one of them"
        "weights raw twice", oneMatMul (zeros "w" [ 2; 6 ] @ [ OnnxFile.bytes 9 (Array.zeroCreate 48) ]), "raw_data"
        "weights without numbers",
        oneMatMul
            [
                OnnxFile.integer 1 4096L
                OnnxFile.integer 1 4096L
                OnnxFile.integer 2 1L
                OnnxFile.text 8 "w"
            ],
        "0 numbers; expected 16777216"
        "weights whose size wraps around to 4 bytes",
        oneMatMul
            [
                OnnxFile.integer 1 (1L <<< 32)
                OnnxFile.integer 1 (1L <<< 32)
                OnnxFile.integer 2 1L
                OnnxFile.text 8 "w"
            ],
        "1 to 4096"
        "a negative dimension",
        oneMatMul
            [
                OnnxFile.integer 1 -2L
                OnnxFile.integer 1 -6L
                OnnxFile.integer 2 1L
                OnnxFile.text 8 "w"
            ],
        "shape [-2, -6]"
        "a third dimension", oneMatMul (zeros "w" [ 2; 6; 1 ]), "more than 2 integers"
        "a million dimensions",
        oneMatMul [ OnnxFile.bytes 1 (Array.create 1_000_000 1uy); OnnxFile.integer 2 1L ],
        "more than 2 integers"
        "weights without dimensions", oneMatMul (OnnxFile.tensor "w" [] [ 1f ]), "shape []"
        "weights that are a vector", oneMatMul (zeros "w" [ 2 ]), "expected a matrix"
        "half a number",
        oneMatMul
            [
                OnnxFile.integer 1 1L
                OnnxFile.integer 2 1L
                OnnxFile.text 8 "w"
                OnnxFile.bytes 9 (Array.zeroCreate 6)
            ],
        "multiple of 4"
        "a weight that is NaN", oneMatMul (OnnxFile.tensor "w" [ 2; 6 ] (nanf :: List.replicate 11 0f)), "NaN"
        "a weight that is infinite",
        oneMatMul (OnnxFile.tensor "w" [ 2; 6 ] (List.replicate 11 0f @ [ infinityf ])),
        "Infinity"
        "logits beyond every number",
        oneMatMul (OnnxFile.tensor "w" [ 2; 6 ] (List.replicate 12 Single.MaxValue)),
        "logit"
        "a bias of another length",
        ofNodes
            [
                OnnxFile.node "Gemm" [ "observation"; "w"; "b" ] [ "logits" ] []
                OnnxFile.initialiser (zeros "w" [ 2; 6 ])
                OnnxFile.initialiser (zeros "b" [ 1 ])
            ],
        "expected [6]"
        "a bias per row",
        ofNodes
            [
                OnnxFile.node "Gemm" [ "observation"; "w"; "b" ] [ "logits" ] []
                OnnxFile.initialiser (zeros "w" [ 2; 6 ])
                OnnxFile.initialiser (zeros "b" [ 6; 1 ])
            ],
        "expected [6]"
        "logits that are not three per control",
        OnnxFile.model
            [
                ends[0]
                OnnxFile.value 12 "logits" [ OnnxFile.Any; OnnxFile.Fixed 7L ]
                OnnxFile.node "MatMul" [ "observation"; "w" ] [ "logits" ] []
                OnnxFile.initialiser (zeros "w" [ 2; 7 ])
            ],
        "7 outputs"
        "a name of a thousand letters", oneMatMul (zeros (String('w', 1000)) [ 2; 6 ]), "1000 bytes"
        "a name that is not Unicode",
        oneMatMul
            [
                OnnxFile.integer 1 1L
                OnnxFile.integer 2 1L
                OnnxFile.bytes 8 [| 0xC3uy; 0x28uy |]
            ],
        "not Unicode"
        "a constant that is a text",
        twoLayers
            [
                OnnxFile.node
                    "Constant"
                    []
                    [ "c" ]
                    [
                        OnnxFile.message
                            5
                            [
                                OnnxFile.text 1 "value"
                                OnnxFile.text 4 "/etc/passwd"
                                OnnxFile.integer 20 3L
                            ]
                    ]
            ],
        "field 4"
    ]

// --- Laws

let private bits (network: MultilayerPerceptron) =
    [
        for layer in network.Layers do
            for value in Seq.append layer.Weights layer.Biases do
                BitConverter.SingleToUInt32Bits value
    ]

/// Reading gives an actor, which then agrees with the runtime, or says that the input is bad; any other exception is a fault.
let private isRefusedOrActs bytes =
    try
        (read bytes).Controls >= 1
    with :? BadInputException as e ->
        e.Message.StartsWith "a.onnx: " && not (Seq.exists Char.IsControl e.Message)

[<Tests>]
let tests =
    testList
        "Onnx.OnnxActorFile"
        [
            testList
                "a bad file is refused and says why"
                [
                    for name, bytes, part in hostile ->
                        testCase name (fun () ->
                            let before = GC.GetAllocatedBytesForCurrentThread()

                            match
                                (try
                                    Ok(read bytes)
                                 with :? BadInputException as e ->
                                     Error e.Message)
                            with
                            | Ok _ -> failtest "accepted"
                            | Error message ->
                                let allocated = GC.GetAllocatedBytesForCurrentThread() - before
                                Expect.stringStarts message "a.onnx: " "names the file"
                                Expect.stringContains message part "says what is wrong"
                                Expect.stringContains message "expected" "says what was expected"
                                Expect.isFalse (message |> Seq.exists Char.IsControl) "one printable line"
                                Expect.isLessThan message.Length 700 "short"
                                // Messages, names and the exception are constant; a number in the file is not.
                                Expect.isLessThan allocated (int64 (8 * bytes.Length + 1_000_000)) "allocated")
                ]

            for activation in [ Activation.Tanh; Activation.Relu ] do
                let network = perceptron activation [ 3; 16; 16; 6 ]
                let ends = [ OnnxFile.inputOf network; OnnxFile.outputOf network ]

                for form, parts in [ "Gemm", OnnxFile.gemms network; "MatMul and Add", OnnxFile.matMuls network ] do
                    test $"a network of {form} with {activation} is read bit for bit" {
                        let actor = (read (OnnxFile.model (parts @ ends))).Actor
                        Expect.equal actor.Activation activation "activation"
                        Expect.equal (bits actor) (bits network) "weights and biases"
                    }

            test "an observation without a batch is read" {
                let ends =
                    [
                        OnnxFile.value 11 "observation" [ OnnxFile.Fixed 2L ]
                        OnnxFile.value 12 "logits" [ OnnxFile.Any; OnnxFile.Fixed 6L ]
                    ]

                Expect.equal
                    (bits (read (OnnxFile.model (OnnxFile.matMuls network @ ends))).Actor)
                    (bits network)
                    "read"
            }

            test "what changes nothing may stand in between" {
                let metadata = [ OnnxFile.text 1 "key"; OnnxFile.text 2 "value" ]

                let bytes =
                    OnnxFile.model
                        [
                            yield! ends
                            OnnxFile.node "Flatten" [ "observation" ] [ "a" ] [ OnnxFile.integerAttribute "axis" 1L ]
                            OnnxFile.node "Identity" [ "w" ] [ "v" ] []
                            OnnxFile.node "MatMul" [ "a"; "v" ] [ "b" ] []
                            OnnxFile.node
                                "Identity"
                                [ "b" ]
                                [ "logits" ]
                                [ OnnxFile.message 9 metadata; OnnxFile.text 7 "" ]
                            OnnxFile.initialiser (OnnxFile.tensor "w" [ 2; 6 ] [ for i in 1..12 -> float32 i ])
                            OnnxFile.text 10 "a description"
                            OnnxFile.message 16 metadata
                            OnnxFile.value 13 "b" [ OnnxFile.Any; OnnxFile.Fixed 6L ]
                        ]

                let layer = (read bytes).Actor.Layers[0]
                Expect.sequenceEqual layer.Weights [ 1f; 7f; 2f; 8f; 3f; 9f; 4f; 10f; 5f; 11f; 6f; 12f ] "transposed"
                Expect.allEqual layer.Biases 0f "no biases"
            }

            // The runtime's own format has this mark at byte 4; it would read the file as that, without our reader's checks.
            test "a file with the mark of another format is read as ONNX" {
                let bytes =
                    Array.concat
                        [
                            OnnxFile.integer 1 7L
                            OnnxFile.text 2 "ORTM"
                            OnnxFile.graph (parts @ ends)
                            OnnxFile.operators 13L
                        ]

                Expect.equal (Encoding.ASCII.GetString bytes[4..7]) "ORTM" "the mark"
                Expect.equal (bits (read bytes).Actor) (bits network) "read"
            }

            test "shapes of values in between that lie take no memory" {
                let lie =
                    with'
                        [
                            OnnxFile.value 13 "0.sum" [ OnnxFile.Fixed(1L <<< 40); OnnxFile.Fixed(1L <<< 40) ]
                        ]

                Expect.isTrue (isRefusedOrActs lie) "refused or right"
            }

            test "cutting a file anywhere gives an error" {
                for length in 0 .. sound.Length - 1 do
                    Expect.throwsT<BadInputException> (fun () -> read sound[.. length - 1] |> ignore) $"{length} bytes"
            }

            test "flipping any bit gives an error or an actor that agrees with the runtime" {
                for at in 0 .. sound.Length - 1 do
                    for bit in 0..7 do
                        let bytes = Array.copy sound
                        bytes[at] <- bytes[at] ^^^ (1uy <<< bit)
                        Expect.isTrue (isRefusedOrActs bytes) $"byte {at}, bit {bit}"
            }

            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 1000
                }
                "changing bytes gives an error or an actor that agrees with the runtime"
                (Prop.forAll
                    (Gen.nonEmptyListOf (Gen.zip (Gen.choose (0, sound.Length - 1)) (Gen.choose (0, 255)))
                     |> Arb.fromGen)
                    (fun changes ->
                        let bytes = Array.copy sound

                        for at, value in changes do
                            bytes[at] <- byte value

                        isRefusedOrActs bytes))

            test "a network that is not what the runtime makes of the file is refused" {
                let graph, _ = OnnxActorFile.Understand(sound, "a.onnx").ToTuple()
                let layers = Seq.toArray network.Layers
                let last = layers[2]
                let biases = last.Biases.SetItem(0, last.Biases[0] + 1e-4f)
                layers[2] <- DenseLayer(last.Inputs, last.Outputs, last.Weights, biases)

                let other =
                    MultilayerPerceptron(Collections.Immutable.ImmutableArray.CreateRange layers, Activation.Tanh)

                let check (network: MultilayerPerceptron) =
                    RuntimeAgreement.Check(sound, graph, network, "a.onnx")

                check network
                Expect.throwsT<BadInputException> (fun () -> check other) "1e-4 beside it"
            }
        ]
