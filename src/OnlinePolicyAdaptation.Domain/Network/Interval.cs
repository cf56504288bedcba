using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>What was measured over one monitoring interval, and under which configuration.</summary>
/// <param name="Time">When it ended, which identifies it.</param>
/// <param name="Configuration">The configuration in force.</param>
/// <param name="Services">One entry per service, in the topology's order.</param>
public sealed record Interval(DateTimeOffset Time, Configuration Configuration, EquatableArray<ServiceMetrics> Services)
{
    /// <summary>Seconds from its beginning to its end, above 0; null where the source does not say.</summary>
    public double? LengthSeconds { get; init; }

    /// <summary>One entry per node, in the topology's order; empty where the source reports none.</summary>
    public EquatableArray<NodeMetrics> Nodes { get; init; }
}

/// <summary>What was measured of one node over one monitoring interval.</summary>
/// <param name="Utilisation">Cores in use over cores there are, from 0 to about 1; null where unknown.</param>
public readonly record struct NodeMetrics(double? Utilisation);
