namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>What a node is started with.</summary>
/// <param name="Name">As in the scenario.</param>
/// <param name="Port">0: any free one.</param>
/// <param name="CoreShare">The share of a CPU that one core of the controls stands for, above 0; a node has one CPU at most.</param>
/// <param name="Services">Those that it serves, at least one.</param>
/// <param name="State">How it starts.</param>
/// <param name="Seed">Of all its chance.</param>
public sealed record NodeSettings(
    string Name,
    int Port,
    double CoreShare,
    IReadOnlyList<ServiceWork> Services,
    NodeState State,
    ulong Seed
);
