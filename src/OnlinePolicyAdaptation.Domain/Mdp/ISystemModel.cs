namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>What we plan with: a pure function from state, action and key to the next state and the reward.</summary>
/// <remarks>Thread-safe. Same arguments, same result. It is never the live system; that is an environment.</remarks>
public interface ISystemModel<TState, TAction>
{
    /// <summary>A(s), never empty, always in the same order.</summary>
    IReadOnlyList<TAction> AdmissibleActions(TState state);

    /// <summary>Draws the outcome of an admissible action. A deterministic model ignores the key.</summary>
    Transition<TState> Sample(TState state, TAction action, RandomKey key);
}
