/// Networks with random weights.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Networks

open System.Collections.Immutable
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.ActorCritic

let private normals (key: RandomKey) count scale =
    let mutable sequence = key.Sequence()

    ImmutableArray.CreateRange
        [
            for _ in 1..count do
                float32 (sequence.NextNormal() * scale)
        ]

/// A layer whose outputs vary about as much as its inputs do.
let layer (key: RandomKey) inputs outputs =
    DenseLayer(
        inputs,
        outputs,
        normals (key.Split 0) (inputs * outputs) (1.5 / sqrt (float inputs)),
        normals (key.Split 1) outputs 0.3
    )

/// A network of these sizes, the inputs first.
let perceptron (key: RandomKey) activation (sizes: int list) =
    let layers =
        List.pairwise sizes
        |> List.mapi (fun i (inputs, outputs) -> layer (key.Split i) inputs outputs)

    MultilayerPerceptron(ImmutableArray.CreateRange layers, activation)

let vector key count = normals key count 1.0 |> Seq.toArray

/// Actor and critic with hidden layers of these sizes, for the controls of the two nodes and a load of 5 to 15 req/s.
let actorCritic (key: RandomKey) hidden =
    let encoding =
        ObservationEncoding.Normalised(TwoNodes.grid, [ LoadRange(RequestRate 5.0, RequestRate 15.0) ])

    let inputs = encoding.Inputs.Count

    encoding,
    ActorCriticNetwork(
        perceptron (key.Split 0) Activation.Tanh (inputs :: hidden @ [ 3 * TwoNodes.grid.Controls.Count ]),
        perceptron (key.Split 1) Activation.Tanh (inputs :: hidden @ [ 1 ])
    )

let policy key decision =
    let encoding, network = actorCritic key [ 16; 16 ]
    NetworkPolicy(network, encoding, decision)
