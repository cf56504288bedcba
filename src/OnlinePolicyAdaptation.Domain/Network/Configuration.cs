using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The level of every control, in the grid's order.</summary>
public sealed record Configuration(EquatableArray<int> Levels);
