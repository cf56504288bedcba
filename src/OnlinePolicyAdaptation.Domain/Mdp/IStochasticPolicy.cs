namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>A policy that draws its action: each component of the action independently, from a distribution over its choices.</summary>
/// <remarks>Pure and thread-safe.</remarks>
public interface IStochasticPolicy<in TState>
{
    /// <summary>The probability of each choice of each component.</summary>
    /// <param name="state">Where to act.</param>
    /// <param name="mask">The admissible choices. Any other has a probability of exactly 0.</param>
    /// <param name="probabilities">
    /// Receives <c>[components, choices]</c>, row by row, each row summing to 1 up to rounding; every component has the same
    /// number of choices.
    /// </param>
    void Probabilities(TState state, ActionMask mask, Span<double> probabilities);
}
