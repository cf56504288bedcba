using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The state of the decision problem: the configuration in force and the load offered to each service.</summary>
public sealed record SystemState(Configuration Configuration, EquatableArray<RequestRate> OfferedLoads);
