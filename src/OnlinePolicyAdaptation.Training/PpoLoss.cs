using OnlinePolicyAdaptation.Domain.Network;
using TorchSharp;
using static TorchSharp.torch;

namespace OnlinePolicyAdaptation.Training;

/// <summary>What a gradient step makes smaller.</summary>
internal static class PpoLoss
{
    private const double SmallestDeviation = 1e-8;

    /// <summary>Minus the clipped objective, plus the weighted error of the critic, minus the weighted entropy: a scalar.</summary>
    /// <param name="networks">What is trained.</param>
    /// <param name="minibatch">What is learned from.</param>
    /// <param name="options">Weights that stay the same.</param>
    /// <param name="progress">The share of the training done, for those that do not.</param>
    public static Tensor Of(ParameterVector networks, Minibatch minibatch, PpoOptions options, double progress)
    {
        var logits = networks.Actor.Forward(minibatch.Observations);
        var values = networks.Critic.Forward(minibatch.Observations);
        var all = MaskedCategorical.LogProbabilities(
            logits.view(logits.shape[0], -1, ControlAction.ChoicesPerControl),
            minibatch.Forbidden
        );
        var taken = all.view(-1).index_select(0, minibatch.Choices.view(-1)).view(minibatch.Choices.shape).sum(1);
        var advantages = options.NormaliseAdvantages ? Normalised(minibatch.Advantages) : minibatch.Advantages;
        var policyLoss = -Objective(taken, minibatch.LogProbabilities, advantages, options.ClipRange.At(progress));
        var valueLoss = ValueError(
            values.view(-1).index_select(0, minibatch.Rows),
            minibatch.Values,
            minibatch.Returns,
            options.ValueClipRange
        );
        var entropy = (MaskedCategorical.Entropy(all) * minibatch.Weights).sum();
        using Scalar valueWeight = options.ValueWeight;
        using Scalar entropyWeight = options.EntropyWeight.At(progress);
        return Sum(policyLoss, valueLoss * valueWeight) - (entropy * entropyWeight);
    }

    /// <summary>
    /// The mean over steps of min(ratio A, clip(ratio, 1 - c, 1 + c) A), the ratio being that of the action's
    /// probability to the one it was taken with: nothing is gained by moving it further than c (Schulman et al., eq. 7).
    /// </summary>
    public static Tensor Objective(Tensor logProbabilities, Tensor oldLogProbabilities, Tensor advantages, double clip)
    {
        var ratio = (logProbabilities - oldLogProbabilities).exp();
        using Scalar lowest = 1 - clip;
        using Scalar highest = 1 + clip;
        return minimum(ratio * advantages, ratio.clamp(lowest, highest) * advantages).mean();
    }

    /// <summary>
    /// The mean squared error of the critic; with a clip range, of the worse of its value and its value held within that
    /// range of the old one.
    /// </summary>
    public static Tensor ValueError(Tensor values, Tensor oldValues, Tensor returns, double? clip)
    {
        var error = Squared(values - returns);
        if (clip is { } range)
        {
            using Scalar lowest = -range;
            using Scalar highest = range;
            var held = Sum(oldValues, (values - oldValues).clamp(lowest, highest));
            error = maximum(error, Squared(held - returns));
        }
        return error.mean();
    }

    private static Tensor Squared(Tensor error) => error * error;

    private static Tensor Normalised(Tensor advantages)
    {
        if (advantages.shape[0] <= 1)
        {
            return advantages;
        }
        using Scalar smallest = SmallestDeviation;
        using Scalar once = 1;
        return (advantages - advantages.mean()) / advantages.std().add(smallest, once);
    }

    /// <summary>
    /// TorchSharp's <c>+</c> gives libtorch a factor that nothing holds, so that it may be collected before it is read.
    /// </summary>
    private static Tensor Sum(Tensor one, Tensor other)
    {
        using Scalar once = 1;
        return one.add(other, once);
    }
}
