using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>A <see cref="DenseLayer"/> laid out for speed: its outputs in panels of whole vectors.</summary>
/// <remarks>
/// Panels are eight vectors wide while that many outputs are left, then one; the weights of a panel are stored input by
/// input, so they are read in the order they lie in. An output is summed over the inputs in their order with fused
/// multiply-adds, whatever the length of a vector: the same bits on every machine. Outputs are padded to whole vectors;
/// padding is always 0.
/// </remarks>
internal sealed class PackedLayer
{
    private const int WideVectors = 8;

    private readonly float[] _weights;
    private readonly float[] _biases;

    public PackedLayer(DenseLayer layer)
    {
        Inputs = layer.Inputs;
        PaddedOutputs = Padded(layer.Outputs);
        _biases = new float[PaddedOutputs];
        layer.Biases.CopyTo(_biases);
        _weights = new float[checked(PaddedOutputs * Inputs)];
        var packed = 0;
        for (var first = 0; first < PaddedOutputs; first += PanelWidth(first))
        {
            for (var input = 0; input < Inputs; input++)
            {
                for (var output = first; output < first + PanelWidth(first); output++)
                {
                    _weights[packed++] = output < layer.Outputs ? layer.Weights[(output * Inputs) + input] : 0;
                }
            }
        }
    }

    public int Inputs { get; }

    public int PaddedOutputs { get; }

    /// <summary>A number of outputs, rounded up to whole vectors.</summary>
    public static int Padded(int outputs) =>
        checked((outputs + Vector<float>.Count - 1) / Vector<float>.Count * Vector<float>.Count);

    /// <param name="inputs">At least <see cref="Inputs"/>; further ones are ignored.</param>
    /// <param name="outputs">Receives <see cref="PaddedOutputs"/>.</param>
    public void Apply(ReadOnlySpan<float> inputs, Span<float> outputs)
    {
        var given = inputs[..Inputs];
        ref var weights = ref MemoryMarshal.GetArrayDataReference(_weights);
        for (var first = 0; first < PaddedOutputs; first += PanelWidth(first))
        {
            var width = PanelWidth(first);
            var biases = _biases.AsSpan(first, width);
            var panel = outputs.Slice(first, width);
            if (width == Vector<float>.Count)
            {
                ApplyNarrow(given, ref weights, biases, panel);
            }
            else
            {
                ApplyWide(given, ref weights, biases, panel);
            }
            weights = ref Unsafe.Add(ref weights, width * Inputs);
        }
    }

    private int PanelWidth(int first) =>
        PaddedOutputs - first >= WideVectors * Vector<float>.Count
            ? WideVectors * Vector<float>.Count
            : Vector<float>.Count;

    private static void ApplyNarrow(
        ReadOnlySpan<float> inputs,
        ref float weights,
        ReadOnlySpan<float> biases,
        Span<float> outputs
    )
    {
        var sum = new Vector<float>(biases);
        nuint at = 0;
        foreach (var input in inputs)
        {
            sum = Vector.FusedMultiplyAdd(new(input), Vector.LoadUnsafe(ref weights, at), sum);
            at += (nuint)Vector<float>.Count;
        }
        sum.CopyTo(outputs);
    }

    private static void ApplyWide(
        ReadOnlySpan<float> inputs,
        ref float weights,
        ReadOnlySpan<float> biases,
        Span<float> outputs
    )
    {
        var length = Vector<float>.Count;
        var sum0 = new Vector<float>(biases);
        var sum1 = new Vector<float>(biases[length..]);
        var sum2 = new Vector<float>(biases[(2 * length)..]);
        var sum3 = new Vector<float>(biases[(3 * length)..]);
        var sum4 = new Vector<float>(biases[(4 * length)..]);
        var sum5 = new Vector<float>(biases[(5 * length)..]);
        var sum6 = new Vector<float>(biases[(6 * length)..]);
        var sum7 = new Vector<float>(biases[(7 * length)..]);
        var step = (nuint)length;
        nuint at = 0;
        foreach (var input in inputs)
        {
            var x = new Vector<float>(input);
            sum0 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at), sum0);
            sum1 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at + step), sum1);
            sum2 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at + (2 * step)), sum2);
            sum3 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at + (3 * step)), sum3);
            sum4 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at + (4 * step)), sum4);
            sum5 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at + (5 * step)), sum5);
            sum6 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at + (6 * step)), sum6);
            sum7 = Vector.FusedMultiplyAdd(x, Vector.LoadUnsafe(ref weights, at + (7 * step)), sum7);
            at += 8 * step;
        }
        sum0.CopyTo(outputs);
        sum1.CopyTo(outputs[length..]);
        sum2.CopyTo(outputs[(2 * length)..]);
        sum3.CopyTo(outputs[(3 * length)..]);
        sum4.CopyTo(outputs[(4 * length)..]);
        sum5.CopyTo(outputs[(5 * length)..]);
        sum6.CopyTo(outputs[(6 * length)..]);
        sum7.CopyTo(outputs[(7 * length)..]);
    }
}
