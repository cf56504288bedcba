namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>What a policy earns from a state on: the expected sum of discounted rewards, or an estimate of it.</summary>
/// <remarks>Pure and thread-safe. Never NaN nor infinite.</remarks>
public interface IValueFunction<in TState>
{
    /// <summary>The discounted sum, in units of the reward.</summary>
    double Value(TState state);
}
