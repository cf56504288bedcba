using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>What was measured over one monitoring interval, and under which configuration.</summary>
/// <param name="Interval">Number of the monitoring interval, from 0, growing.</param>
/// <param name="Configuration">The configuration in force during the interval.</param>
/// <param name="Services">One entry per service, in the topology's order.</param>
public sealed record Metrics(long Interval, Configuration Configuration, EquatableArray<ServiceMetrics> Services);
