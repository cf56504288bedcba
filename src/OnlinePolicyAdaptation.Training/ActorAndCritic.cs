using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Training;

/// <summary>Two networks while they are trained; the critic gives values of scaled rewards.</summary>
internal sealed record ActorAndCritic(MultilayerPerceptron Actor, MultilayerPerceptron Critic);
