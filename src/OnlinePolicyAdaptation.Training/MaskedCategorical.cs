using TorchSharp;
using static TorchSharp.torch;

namespace OnlinePolicyAdaptation.Training;

/// <summary>A distribution over the admissible choices of each control, as tensors <c>[rows, controls, 3]</c>.</summary>
internal static class MaskedCategorical
{
    /// <summary>A logit that leaves a probability of exactly 0 in single precision, and yet is a number: 0 times its
    /// logarithm is 0.</summary>
    private const float Forbidden = -1e8f;

    /// <summary>Logarithms of the probabilities; those of masked choices are about -1e8, and have no gradient.</summary>
    /// <param name="logits">What the actor gives.</param>
    /// <param name="forbidden">Whether each choice is masked.</param>
    public static Tensor LogProbabilities(Tensor logits, Tensor forbidden)
    {
        using Scalar impossible = Forbidden;
        return logits.masked_fill(forbidden, impossible).log_softmax(-1);
    }

    /// <summary>The entropy of the action, <c>[rows]</c>: the sum over controls. Masked choices add nothing.</summary>
    public static Tensor Entropy(Tensor logProbabilities) => -(logProbabilities.exp() * logProbabilities).sum([1, 2]);
}
