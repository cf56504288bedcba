using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>What the simulated mesh is made of: the work of its services and the speed of its nodes.</summary>
public sealed record MeshParameters
{
    /// <param name="topology">The services and nodes.</param>
    /// <param name="serviceTimes">One per service, in the topology's order.</param>
    /// <param name="nodes">One per node, in the topology's order.</param>
    public MeshParameters(
        Topology topology,
        EquatableArray<ServiceTime> serviceTimes,
        EquatableArray<NodeParameters> nodes
    )
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(serviceTimes.Count, topology.Services.Count, nameof(serviceTimes));
        ArgumentOutOfRangeException.ThrowIfNotEqual(nodes.Count, topology.Nodes.Count, nameof(nodes));
        Topology = topology;
        ServiceTimes = serviceTimes;
        Nodes = nodes;
    }

    public Topology Topology { get; }

    public EquatableArray<ServiceTime> ServiceTimes { get; }

    public EquatableArray<NodeParameters> Nodes { get; }
}
