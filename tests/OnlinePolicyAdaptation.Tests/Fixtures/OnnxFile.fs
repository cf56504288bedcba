/// A small writer of ONNX files, sound and unsound: messages of Protocol Buffers from onnx.proto, each as its bytes.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.OnnxFile

open System
open System.Text
open OnlinePolicyAdaptation.Learning.ActorCritic

let rec varint (value: uint64) =
    if value < 0x80UL then
        [| byte value |]
    else
        Array.append [| byte (value &&& 0x7FUL) ||| 0x80uy |] (varint (value >>> 7))

let private key field wireType =
    varint (uint64 field <<< 3 ||| uint64 (wireType: int))

let integer (field: int) (value: int64) =
    Array.append (key field 0) (varint (uint64 value))

let bytes (field: int) (value: byte[]) =
    Array.concat [ key field 2; varint (uint64 value.Length); value ]

let text field (value: string) =
    bytes field (Encoding.UTF8.GetBytes value)

let single field (value: float32) =
    Array.append (key field 5) (BitConverter.GetBytes value)

let message field (parts: byte[] list) = bytes field (Array.concat parts)

let private raw (values: float32 seq) =
    values |> Seq.map BitConverter.GetBytes |> Array.concat

// --- Tensors

let private described name (shape: int list) =
    [
        for length in shape do
            integer 1 (int64 length)
        integer 2 1L
        text 8 name
    ]

/// A tensor of floats as raw bytes; the parts of a TensorProto.
let tensor name shape values =
    described name shape @ [ bytes 9 (raw values) ]

/// The same as packed floats.
let packed name shape values =
    described name shape @ [ bytes 4 (raw values) ]

/// The same as floats one by one.
let unpacked name shape values =
    described name shape
    @ [
        for value in values do
            single 4 value
    ]

let initialiser parts = message 5 parts

// --- Nodes

let floatAttribute name value =
    message 5 [ text 1 name; single 2 value; integer 20 1L ]

let integerAttribute name value =
    message 5 [ text 1 name; integer 3 value; integer 20 2L ]

let tensorAttribute name parts =
    message 5 [ text 1 name; message 5 parts; integer 20 4L ]

let node operation (inputs: string list) (outputs: string list) attributes =
    message
        1
        [
            for input in inputs do
                text 1 input
            for output in outputs do
                text 2 output
            text 3 $"""/{operation}/{String.concat "," outputs}"""
            text 4 operation
            yield! attributes
        ]

// --- The graph

type Length =
    | Any
    | Fixed of int64

let private dimension length =
    message
        1
        [
            match length with
            | Any -> text 2 "batch"
            | Fixed length -> integer 1 length
        ]

/// A value of this type of elements; 11 is an input of the graph, 12 an output.
let valueOf elementType field name shape =
    message
        field
        [
            text 1 name
            message 2 [ message 1 [ integer 1 elementType; message 2 (List.map dimension shape) ] ]
        ]

let value field name shape = valueOf 1L field name shape

let graph parts =
    message 7 (parts @ [ text 2 "main_graph" ])

let operators version =
    message 8 [ text 1 ""; integer 2 version ]

/// The parts of a ModelProto around a graph.
let modelWith parts =
    Array.concat ([ integer 1 7L; text 2 "a test" ] @ parts)

let model parts =
    modelWith [ graph parts; operators 13L ]

// --- Actors, in the shapes in which others export them

/// Layers as `Gemm`, with the weights as PyTorch keeps them.
let private gemm (i: int) (layer: DenseLayer) input output =
    [
        node
            "Gemm"
            [ input; $"{i}.weight"; $"{i}.bias" ]
            [ output ]
            [
                floatAttribute "alpha" 1f
                floatAttribute "beta" 1f
                integerAttribute "transB" 1L
            ]
        initialiser (tensor $"{i}.weight" [ layer.Outputs; layer.Inputs ] layer.Weights)
        initialiser (packed $"{i}.bias" [ layer.Outputs ] layer.Biases)
    ]

let private transposed (layer: DenseLayer) =
    [
        for input in 0 .. layer.Inputs - 1 do
            for output in 0 .. layer.Outputs - 1 do
                layer.Weights[output * layer.Inputs + input]
    ]

/// Layers as `MatMul` and `Add`, the weights transposed, the biases by a `Constant`.
let private matMul (i: int) (layer: DenseLayer) input output =
    [
        node "MatMul" [ input; $"{i}.weight" ] [ $"{i}.product" ] []
        node "Constant" [] [ $"{i}.bias" ] [ tensorAttribute "value" (unpacked "" [ 1; layer.Outputs ] layer.Biases) ]
        node "Add" [ $"{i}.bias"; $"{i}.product" ] [ output ] []
        initialiser (tensor $"{i}.weight" [ layer.Inputs; layer.Outputs ] (transposed layer))
    ]

/// The parts of a graph that computes a network, from `observation` to `logits`.
let private chain layerOf (network: MultilayerPerceptron) =
    let last = network.Layers.Length - 1

    [
        for i, layer in Seq.indexed network.Layers do
            yield!
                layerOf
                    i
                    layer
                    (if i = 0 then "observation" else $"{i - 1}.active")
                    (if i = last then "logits" else $"{i}.sum")

            if i < last then
                node (string network.Activation) [ $"{i}.sum" ] [ $"{i}.active" ] []
    ]

let gemms network = chain gemm network
let matMuls network = chain matMul network

let inputOf (network: MultilayerPerceptron) =
    value 11 "observation" [ Any; Fixed(int64 network.Inputs) ]

let outputOf (network: MultilayerPerceptron) =
    value 12 "logits" [ Any; Fixed(int64 network.Outputs) ]

/// An ONNX file of an actor as PyTorch exports it.
let actor (network: MultilayerPerceptron) =
    model (gemms network @ [ inputOf network; outputOf network ])
