namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>A rule that chooses an action in every state.</summary>
/// <remarks>Pure and thread-safe: same state, mask and key, same action. The action is always one that the mask allows.</remarks>
public interface IPolicy<in TState, out TAction>
{
    /// <param name="state">Where one is.</param>
    /// <param name="mask">The actions admissible there; one choice of each component at least.</param>
    /// <param name="key">Draws, where the policy is random.</param>
    TAction Act(TState state, ActionMask mask, RandomKey key);
}
