using System.Buffers;
using System.Collections.Immutable;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>Dense layers one after another, with an activation between them and none after the last. Immutable, thread-safe.</summary>
/// <remarks>Single precision, in order and bit for bit the same on every machine; evaluating allocates nothing.</remarks>
public sealed class MultilayerPerceptron
{
    private const int StackFloats = 1024;

    private readonly PackedLayer[] _packed;
    private readonly int _widest;

    /// <param name="layers">At least one; each takes as many inputs as the one before has outputs.</param>
    /// <param name="activation">Between the layers.</param>
    public MultilayerPerceptron(ImmutableArray<DenseLayer> layers, Activation activation)
    {
        ArgumentOutOfRangeException.ThrowIfZero(layers.Length, nameof(layers));
        for (var i = 1; i < layers.Length; i++)
        {
            if (layers[i].Inputs != layers[i - 1].Outputs)
            {
                throw new ArgumentException(
                    $"layer {i} takes {layers[i].Inputs} inputs; expected {layers[i - 1].Outputs}, the outputs of the layer before",
                    nameof(layers)
                );
            }
        }
        Layers = layers;
        Activation = activation;
        _packed = [.. layers.Select(layer => new PackedLayer(layer))];
        _widest = _packed.Max(layer => layer.PaddedOutputs);
    }

    /// <summary>From the inputs to the outputs; at least one.</summary>
    public ImmutableArray<DenseLayer> Layers { get; }

    /// <summary>Applied between the layers, not after the last.</summary>
    public Activation Activation { get; }

    public int Inputs => Layers[0].Inputs;

    public int Outputs => Layers[^1].Outputs;

    /// <param name="inputs"><see cref="Inputs"/> numbers.</param>
    /// <param name="outputs">Receives <see cref="Outputs"/> numbers; may overlap the inputs.</param>
    public void Evaluate(ReadOnlySpan<float> inputs, Span<float> outputs)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(inputs.Length, Inputs, nameof(inputs));
        ArgumentOutOfRangeException.ThrowIfNotEqual(outputs.Length, Outputs, nameof(outputs));
        var length = checked(2 * _widest);
        if (length <= StackFloats)
        {
            Span<float> scratch = stackalloc float[StackFloats];
            Evaluate(inputs, outputs, scratch[.._widest], scratch.Slice(_widest, _widest));
        }
        else
        {
            var rented = ArrayPool<float>.Shared.Rent(length);
            Evaluate(inputs, outputs, rented.AsSpan(0, _widest), rented.AsSpan(_widest, _widest));
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    private void Evaluate(ReadOnlySpan<float> inputs, Span<float> outputs, Span<float> current, Span<float> next)
    {
        var last = _packed.Length - 1;
        _packed[0].Apply(inputs, current);
        for (var i = 1; i <= last; i++)
        {
            VectorActivation.Apply(Activation, current[.._packed[i - 1].PaddedOutputs]);
            _packed[i].Apply(current, next);
            var swapped = current;
            current = next;
            next = swapped;
        }
        current[..Outputs].CopyTo(outputs);
    }
}
