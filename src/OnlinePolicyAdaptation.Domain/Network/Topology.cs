using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>S services, each reached through the front node, on N processing nodes. Both are addressed from 0.</summary>
public sealed record Topology
{
    /// <param name="services">Names, at least one.</param>
    /// <param name="nodes">Names of the processing nodes, at least one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no service or no node.</exception>
    public Topology(EquatableArray<string> services, EquatableArray<string> nodes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(services.Count, nameof(services));
        ArgumentOutOfRangeException.ThrowIfZero(nodes.Count, nameof(nodes));
        Services = services;
        Nodes = nodes;
    }

    public EquatableArray<string> Services { get; }

    public EquatableArray<string> Nodes { get; }
}
