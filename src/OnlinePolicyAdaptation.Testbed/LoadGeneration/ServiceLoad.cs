using OnlinePolicyAdaptation.Domain.Environments;

namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>What the clients of one class offer.</summary>
/// <param name="Requests">Whose requests, and of which service.</param>
/// <param name="Pattern">The rate of their Poisson arrivals; its time 0 is the generator's start.</param>
public sealed record ServiceLoad(RequestClass Requests, LoadPattern Pattern);
