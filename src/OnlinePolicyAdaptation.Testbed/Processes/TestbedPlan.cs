using OnlinePolicyAdaptation.Testbed.Nodes;

namespace OnlinePolicyAdaptation.Testbed.Processes;

/// <summary>The processes of a testbed.</summary>
/// <param name="Services">Every node serves them all; at least one.</param>
/// <param name="Nodes">At least one.</param>
/// <param name="CoreShare">The share of a CPU that one core of the controls stands for, above 0; a node has one CPU at most.</param>
/// <param name="Front">What routes and refuses requests.</param>
/// <param name="FrontPort">0: any free one.</param>
/// <param name="Seed">Of all its chance.</param>
public sealed record TestbedPlan(
    IReadOnlyList<ServiceWork> Services,
    IReadOnlyList<NodePlan> Nodes,
    double CoreShare,
    FrontKind Front,
    int FrontPort,
    ulong Seed
);

/// <summary>What routes and refuses a testbed's requests.</summary>
public enum FrontKind
{
    /// <summary>A process of this program.</summary>
    Embedded,

    /// <summary>The system's HAProxy.</summary>
    HaProxy,
}

/// <summary>A node of a testbed.</summary>
/// <param name="Name">Its name, unlike the others'.</param>
/// <param name="Port">0: any free one.</param>
/// <param name="State">How it starts.</param>
public sealed record NodePlan(string Name, int Port, NodeState State);
