using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.ActorCritic;
using TorchSharp;
using static TorchSharp.torch;

namespace OnlinePolicyAdaptation.Training;

/// <summary>
/// Networks before training: orthogonal weights (Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of
/// learning in deep linear neural networks", 2014), no biases.
/// </summary>
internal static class NetworkInitialisation
{
    /// <summary>Hidden weights are scaled by the square root of 2, the actor's last ones by 0.01, the critic's by 1.</summary>
    public static ActorAndCritic Create(ObservationEncoding encoding, IReadOnlyList<int> hidden, RandomKey key)
    {
        var logits = encoding.Grid.Controls.Count * ControlAction.ChoicesPerControl;
        return new(
            Perceptron([encoding.Inputs.Count, .. hidden, logits], 0.01, Activation.Tanh, key.Split(0)),
            Critic([encoding.Inputs.Count, .. hidden], Activation.Tanh, key.Split(1))
        );
    }

    /// <summary>A critic that takes what <paramref name="actor"/> takes and has its hidden layers.</summary>
    public static MultilayerPerceptron CriticFor(MultilayerPerceptron actor, RandomKey key) =>
        Critic([.. actor.Layers.Select(layer => layer.Inputs)], actor.Activation, key);

    private static MultilayerPerceptron Critic(int[] widths, Activation activation, RandomKey key) =>
        Perceptron([.. widths, 1], 1, activation, key);

    private static MultilayerPerceptron Perceptron(int[] widths, double lastGain, Activation activation, RandomKey key)
    {
        var layers = ImmutableArray.CreateBuilder<DenseLayer>(widths.Length - 1);
        for (var i = 1; i < widths.Length; i++)
        {
            var gain = i == widths.Length - 1 ? lastGain : Math.Sqrt(2);
            var weights = Orthogonal(widths[i], widths[i - 1], gain, key.Split(i));
            layers.Add(
                new(
                    widths[i - 1],
                    widths[i],
                    ImmutableCollectionsMarshal.AsImmutableArray(weights),
                    [.. new float[widths[i]]]
                )
            );
        }
        return new(layers.MoveToImmutable(), activation);
    }

    /// <summary>
    /// A matrix <c>[rows, columns]</c> whose rows, or columns where these are fewer, are orthogonal and of length
    /// <paramref name="gain"/>: uniform among such matrices.
    /// </summary>
    public static float[] Orthogonal(int rows, int columns, double gain, RandomKey key)
    {
        var (tall, wide) = (Math.Max(rows, columns), Math.Min(rows, columns));
        var sequence = key.Sequence();
        var normal = new double[tall * wide];
        foreach (ref var value in normal.AsSpan())
        {
            value = sequence.NextNormal();
        }
        using var scope = NewDisposeScope();
        // R's diagonal made positive: only then is Q as likely one way as another (Mezzadri, 2007).
        var (q, r) = linalg.qr(tensor(normal, tall, wide));
        using Scalar scale = gain;
        var signed = q * r.diagonal().sign() * scale;
        var shaped = rows >= columns ? signed : signed.t();
        return shaped.to_type(ScalarType.Float32).contiguous().data<float>().ToArray();
    }
}
