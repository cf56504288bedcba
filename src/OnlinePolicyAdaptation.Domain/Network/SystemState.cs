using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The state of the decision problem: the configuration in force and the load offered to each service.</summary>
/// <param name="Configuration">The configuration in force.</param>
/// <param name="OfferedLoads">One per service, in the topology's order.</param>
public sealed record SystemState(Configuration Configuration, EquatableArray<RequestRate> OfferedLoads);
