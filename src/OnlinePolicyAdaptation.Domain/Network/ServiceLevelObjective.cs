namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The promise made to a service's clients: its mean response time stays within the bound.</summary>
/// <remarks>Whether a measured time keeps it, and by how much not, says <see cref="RewardFunction.Excess(int, double)"/>.</remarks>
public readonly record struct ServiceLevelObjective(ResponseTime Bound);
