using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OnlinePolicyAdaptation.Learning.ActorCritic;
using TorchSharp;
using static TorchSharp.torch;

namespace OnlinePolicyAdaptation.Training;

/// <summary>
/// The parameters of an actor and a critic end to end in one tensor, and their gradients in another. The layers are views
/// of them, so that clipping, Adam and copying take one pass instead of one per layer.
/// </summary>
internal sealed class ParameterVector : IDisposable
{
    private readonly List<Tensor> _views = [];

    /// <param name="networks">Give the shapes and the first values.</param>
    public ParameterVector(ActorAndCritic networks)
    {
        var (actor, critic) = networks;
        Length = actor.Layers.Concat(critic.Layers).Sum(layer => layer.Weights.Length + layer.Biases.Length);
        Values = zeros(Length, float32).DetachFromDisposeScope();
        Gradients = zeros(Length, float32).DetachFromDisposeScope();
        var at = 0;
        Actor = Views(actor, ref at);
        Critic = Views(critic, ref at);
    }

    public int Length { get; }

    /// <summary>All parameters, <c>[Length]</c>: each layer's weights, then its biases; the actor's layers first.</summary>
    public Tensor Values { get; }

    /// <summary>Their gradients, <c>[Length]</c>, which a backward pass adds to.</summary>
    public Tensor Gradients { get; }

    public TorchPerceptron Actor { get; }

    public TorchPerceptron Critic { get; }

    /// <summary>The parameters as networks for inference.</summary>
    public ActorAndCritic ToNetworks()
    {
        var values = MemoryMarshal.Cast<byte, float>(Values.bytes);
        var at = 0;
        return new(Copy(Actor, values, ref at), Copy(Critic, values, ref at));
    }

    public void Dispose()
    {
        foreach (var view in _views)
        {
            view.Dispose();
        }
        Gradients.Dispose();
        Values.Dispose();
    }

    private static MultilayerPerceptron Copy(TorchPerceptron perceptron, ReadOnlySpan<float> values, ref int at)
    {
        var layers = ImmutableArray.CreateBuilder<DenseLayer>(perceptron.Layers.Length);
        foreach (var (weights, biases) in perceptron.Layers)
        {
            var (outputs, inputs) = ((int)weights.shape[0], (int)weights.shape[1]);
            var afterWeights = at + (outputs * inputs);
            layers.Add(new(inputs, outputs, [.. values[at..afterWeights]], [.. values.Slice(afterWeights, outputs)]));
            at = afterWeights + outputs;
        }
        return new(layers.MoveToImmutable(), perceptron.Activation);
    }

    private TorchPerceptron Views(MultilayerPerceptron perceptron, ref int at)
    {
        var layers = ImmutableArray.CreateBuilder<TorchLayer>(perceptron.Layers.Length);
        foreach (var layer in perceptron.Layers)
        {
            layers.Add(
                new(View(ref at, layer.Weights, layer.Outputs, layer.Inputs), View(ref at, layer.Biases, layer.Outputs))
            );
        }
        return new(layers.MoveToImmutable(), perceptron.Activation);
    }

    /// <summary>The next parameters as a leaf of the computation graph with these values and this shape.</summary>
    private Tensor View(ref int at, ImmutableArray<float> values, params long[] shape)
    {
        values.AsSpan().CopyTo(MemoryMarshal.Cast<byte, float>(Values.bytes)[at..]);
        using var scope = NewDisposeScope();
        var view = Values.narrow(0, at, values.Length).view(shape).detach().requires_grad_(true);
        view.grad = Gradients.narrow(0, at, values.Length).view(shape);
        at += values.Length;
        _views.Add(view.DetachFromDisposeScope());
        return view;
    }
}
