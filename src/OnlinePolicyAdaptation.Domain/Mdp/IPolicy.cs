namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>A rule that chooses an action in every state.</summary>
/// <remarks>Pure and thread-safe: same state, mask and key, same action. The action is always one that the mask allows.</remarks>
public interface IPolicy<in TState, out TAction>
{
    TAction Act(TState state, ActionMask mask, RandomKey key);
}
