using System.Collections.Immutable;
using OnlinePolicyAdaptation.Learning.ActorCritic;
using static TorchSharp.torch;

namespace OnlinePolicyAdaptation.Training;

/// <summary>Weights <c>[outputs, inputs]</c> and biases <c>[outputs]</c> of a layer.</summary>
internal readonly record struct TorchLayer(Tensor Weights, Tensor Biases);

/// <summary>A <see cref="MultilayerPerceptron"/> on tensors: the same outputs up to rounding, with gradients.</summary>
internal sealed record TorchPerceptron(ImmutableArray<TorchLayer> Layers, Activation Activation)
{
    /// <summary>Outputs <c>[rows, outputs]</c> for inputs <c>[rows, inputs]</c>.</summary>
    public Tensor Forward(Tensor inputs)
    {
        var outputs = nn.functional.linear(inputs, Layers[0].Weights, Layers[0].Biases);
        foreach (var (weights, biases) in Layers.AsSpan()[1..])
        {
            outputs = nn.functional.linear(
                Activation == Activation.Tanh ? outputs.tanh() : outputs.relu(),
                weights,
                biases
            );
        }
        return outputs;
    }
}
