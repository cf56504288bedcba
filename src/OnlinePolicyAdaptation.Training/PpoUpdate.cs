using System.Numerics;
using System.Runtime.InteropServices;
using OnlinePolicyAdaptation.Domain.Mdp;
using TorchSharp;
using static TorchSharp.torch;

namespace OnlinePolicyAdaptation.Training;

/// <summary>Improves an actor and a critic by gradient steps on one batch after another.</summary>
internal sealed class PpoUpdate : IDisposable
{
    private readonly PpoOptions _options;
    private readonly ParameterVector _networks;
    private readonly Adam _adam;
    private readonly MinibatchBuffer _buffer;
    private readonly int[] _order;

    /// <param name="networks">To start from.</param>
    /// <param name="controls">That the actor decides on.</param>
    /// <param name="options">How.</param>
    public PpoUpdate(ActorAndCritic networks, int controls, PpoOptions options)
    {
        _options = options;
        _networks = new(networks);
        _adam = new(_networks.Length);
        var steps = options.Environments * _options.StepsPerUpdate;
        _buffer = new(Math.Min(options.MinibatchSize, steps), networks.Actor.Inputs, controls);
        _order = new int[steps];
    }

    /// <summary>The networks as they are now.</summary>
    public ActorAndCritic Networks => _networks.ToNetworks();

    /// <param name="batch">With advantages and returns.</param>
    /// <param name="observed">The states of the batch.</param>
    /// <param name="progress">The share of the training done.</param>
    /// <param name="key">Shuffles the batch.</param>
    public void Run(Trajectories batch, ObservedStates observed, double progress, RandomKey key)
    {
        for (var i = 0; i < _order.Length; i++)
        {
            _order[i] = i;
        }
        for (var epoch = 0; epoch < _options.Epochs; epoch++)
        {
            var random = key.Split(epoch).Sequence();
            random.Shuffle(_order.AsSpan());
            for (var first = 0; first < _order.Length; first += _options.MinibatchSize)
            {
                var steps = _order.AsSpan(first, Math.Min(_options.MinibatchSize, _order.Length - first));
                Step(batch, observed, steps, progress);
            }
        }
    }

    public void Dispose()
    {
        _buffer.Dispose();
        _networks.Dispose();
    }

    private void Step(Trajectories batch, ObservedStates observed, ReadOnlySpan<int> steps, double progress)
    {
        using var scope = NewDisposeScope();
        var gradients = MemoryMarshal.Cast<byte, float>(_networks.Gradients.bytes);
        gradients.Clear();
        PpoLoss.Of(_networks, _buffer.Fill(batch, observed, steps), _options, progress).backward();
        var norm = Math.Sqrt(SumOfSquares(gradients));
        var scale = norm > _options.MaxGradientNorm ? _options.MaxGradientNorm / norm : 1;
        _adam.Step(
            MemoryMarshal.Cast<byte, float>(_networks.Values.bytes),
            gradients,
            (float)scale,
            _options.LearningRate.At(progress)
        );
    }

    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        foreach (var vector in vectors)
        {
            sum += Vector.Dot(vector, vector);
        }
        foreach (var value in values[(vectors.Length * Vector<float>.Count)..])
        {
            sum += value * value;
        }
        return sum;
    }
}
