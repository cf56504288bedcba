namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>What a front is started with.</summary>
/// <param name="Port">0: any free one.</param>
/// <param name="Nodes">Addresses by name; every node serves every service.</param>
/// <param name="Configuration">How it starts.</param>
/// <param name="Seed">Of all its chance.</param>
public sealed record FrontSettings(
    int Port,
    IReadOnlyDictionary<string, Uri> Nodes,
    FrontConfiguration Configuration,
    ulong Seed
);
