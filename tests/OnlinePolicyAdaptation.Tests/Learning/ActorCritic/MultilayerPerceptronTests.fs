module OnlinePolicyAdaptation.Tests.Learning.ActorCritic.MultilayerPerceptron

open System
open System.Collections.Immutable
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

/// The definition, in double precision.
let private slowly (network: MultilayerPerceptron) (inputs: float32[]) =
    let activate x =
        if network.Activation = Activation.Tanh then
            tanh x
        else
            max 0.0 x

    let apply (layer: DenseLayer) (x: float[]) =
        [|
            for output in 0 .. layer.Outputs - 1 ->
                float layer.Biases[output]
                + Seq.sum (
                    seq {
                        for input in 0 .. layer.Inputs - 1 ->
                            float layer.Weights[output * layer.Inputs + input] * x[input]
                    }
                )
        |]

    let last = network.Layers.Length - 1

    (Array.map float inputs, Seq.indexed network.Layers)
    ||> Seq.fold (fun x (i, layer) ->
        let y = apply layer x
        if i = last then y else Array.map activate y)

let private evaluate (network: MultilayerPerceptron) (inputs: float32[]) =
    let outputs = Array.zeroCreate<float32> network.Outputs
    network.Evaluate(ReadOnlySpan inputs, Span outputs)
    outputs

type private Case =
    {
        Sizes: int list
        Activation: Activation
        Key: uint64
    }

// Sizes around those of a vector and of a panel of them, and beyond what fits the stack.
let private cases =
    gen {
        let! layers = Gen.choose (2, 5)

        let! sizes =
            Gen.listOfLength
                layers
                (Gen.oneof [ Gen.choose (1, 20); Gen.elements [ 31; 32; 33; 63; 64; 65; 128; 129; 600 ] ])

        let! activation = Gen.elements [ Activation.Tanh; Activation.Relu ]
        let! key = Gen.choose (0, 1_000_000)

        return
            {
                Sizes = sizes
                Activation = activation
                Key = uint64 key
            }
    }
    |> Arb.fromGen

let private layer inputs outputs =
    DenseLayer(
        inputs,
        outputs,
        ImmutableArray.CreateRange(Array.zeroCreate<float32>(inputs * outputs)),
        ImmutableArray.CreateRange(Array.zeroCreate<float32> outputs)
    )

[<Tests>]
let tests =
    testList
        "Learning.ActorCritic.MultilayerPerceptron"
        [
            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 60
                }
                "a network is its definition to 1e-5 of its largest output"
                (Prop.forAll cases (fun case ->
                    let key = RandomKey case.Key
                    let network = Networks.perceptron (key.Split 0) case.Activation case.Sizes
                    let inputs = Networks.vector (key.Split 1) network.Inputs
                    let expected = slowly network inputs
                    let scale = expected |> Array.fold (fun m y -> max m (abs y)) 1.0

                    for actual, expected in Array.zip (evaluate network inputs) expected do
                        Expect.isLessThan (abs (float actual - expected)) (1e-5 * scale) $"{case}"))

            test "the vectors' hyperbolic tangent is the function to 4e-7" {
                let xs = [| for i in -4000 .. 4000 -> float32 i / 400.0f |]
                let ys = Array.append xs (Array.zeroCreate 63)
                let whole = ys.Length / 64 * 64
                VectorActivation.Apply(Activation.Tanh, Span(ys, 0, whole))

                for i in 0 .. min (whole - 1) (xs.Length - 1) do
                    Expect.isLessThan (abs (float ys[i] - tanh (float xs[i]))) 4e-7 $"tanh {xs[i]}"
            }

            test "evaluating allocates nothing" {
                let network =
                    Networks.perceptron (RandomKey 1UL) Activation.Tanh [ 3; 128; 128; 128; 6 ]

                let inputs = Networks.vector (RandomKey 2UL) 3
                let outputs = Array.zeroCreate<float32> 6

                let run () =
                    for _ in 1..100 do
                        network.Evaluate(ReadOnlySpan inputs, Span outputs)

                run ()
                let before = GC.GetAllocatedBytesForCurrentThread()
                run ()
                Expect.equal (GC.GetAllocatedBytesForCurrentThread() - before) 0L "bytes"
            }

            test "layers that do not fit each other are refused" {
                Expect.throwsT<ArgumentException>
                    (fun () ->
                        MultilayerPerceptron(ImmutableArray.Create(layer 3 4, layer 5 1), Activation.Tanh)
                        |> ignore)
                    "4 outputs, 5 inputs"
            }

            test "weights that are not finite are refused" {
                Expect.throwsT<ArgumentException>
                    (fun () ->
                        DenseLayer(1, 1, ImmutableArray.Create nanf, ImmutableArray.Create 0.0f)
                        |> ignore)
                    "NaN"
            }
        ]
