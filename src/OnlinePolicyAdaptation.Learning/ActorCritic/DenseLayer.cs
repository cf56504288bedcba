using System.Collections.Immutable;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>An affine map of vectors, <c>y = W x + b</c>: the weights and biases of one layer of a network.</summary>
public sealed class DenseLayer
{
    /// <param name="inputs">Length of x, at least 1.</param>
    /// <param name="outputs">Length of y, at least 1.</param>
    /// <param name="weights"><c>[outputs, inputs]</c>, row by row, as PyTorch keeps them; finite.</param>
    /// <param name="biases"><c>[outputs]</c>; finite.</param>
    public DenseLayer(int inputs, int outputs, ImmutableArray<float> weights, ImmutableArray<float> biases)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        Check(weights, (long)outputs * inputs, nameof(weights));
        Check(biases, outputs, nameof(biases));
        Inputs = inputs;
        Outputs = outputs;
        Weights = weights;
        Biases = biases;
    }

    public int Inputs { get; }

    public int Outputs { get; }

    /// <summary><c>[outputs, inputs]</c>, row by row.</summary>
    public ImmutableArray<float> Weights { get; }

    /// <summary><c>[outputs]</c>.</summary>
    public ImmutableArray<float> Biases { get; }

    private static void Check(ImmutableArray<float> values, long expected, string name)
    {
        if (values.Length != expected)
        {
            throw new ArgumentException($"{values.Length} {name} given; expected {expected}", name);
        }
        for (var i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"{name}[{i}] is {values[i]}; expected a finite number"),
                    name
                );
            }
        }
    }
}
