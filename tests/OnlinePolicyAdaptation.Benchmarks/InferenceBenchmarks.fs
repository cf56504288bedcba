namespace OnlinePolicyAdaptation.Benchmarks

open System
open System.Collections.Immutable
open BenchmarkDotNet.Attributes
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.ActorCritic

/// A decision and a value by a network with hidden layers of 3 x 128, on scenario 1's four controls.
[<MemoryDiagnoser>]
type InferenceBenchmarks() =
    let layer (key: RandomKey) inputs outputs =
        let mutable sequence = key.Sequence()

        let normals count scale =
            ImmutableArray.CreateRange [ for _ in 1..count -> float32 (sequence.NextNormal() * scale) ]

        DenseLayer(inputs, outputs, normals (inputs * outputs) (1.0 / sqrt (float inputs)), normals outputs 0.1)

    let perceptron (key: RandomKey) outputs =
        let layers =
            List.pairwise [ TwoServices.grid.Controls.Count; 128; 128; 128; outputs ]
            |> List.mapi (fun i (inputs, outputs) -> layer (key.Split i) inputs outputs)

        MultilayerPerceptron(ImmutableArray.CreateRange layers, Activation.Tanh)

    let network =
        ActorCriticNetwork(
            perceptron (RandomKey 1UL) (3 * TwoServices.grid.Controls.Count),
            perceptron (RandomKey 2UL) 1
        )

    let encoding =
        ObservationEncoding.Normalised(TwoServices.grid, [ for load in TwoServices.loads -> LoadRange(load, load) ])

    let likeliest = NetworkPolicy(network, encoding)
    let sampled = NetworkPolicy(network, encoding, ActionSelection.Sampled)

    let state =
        SystemState(TwoServices.grid.ConfigurationAt TwoServices.start, TwoServices.loads)

    let mask = TwoServices.grid.Mask state.Configuration
    let observation = [| 0.5f; -0.5f; 1.0f; 0.0f |]
    let logits = Array.zeroCreate<float32> network.Actor.Outputs

    [<Benchmark>]
    member _.Actor() =
        network.Actor.Evaluate(ReadOnlySpan observation, Span logits)

    [<Benchmark>]
    member _.LikeliestAction() =
        likeliest.Act(state, mask, RandomKey 1UL)

    [<Benchmark>]
    member _.SampledAction() = sampled.Act(state, mask, RandomKey 1UL)

    [<Benchmark>]
    member _.Value() = likeliest.Value state
