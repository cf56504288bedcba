namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>One step of a decision process: the state reached, and the reward of the step.</summary>
public readonly record struct Transition<TState>(TState Next, double Reward);
