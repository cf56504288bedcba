namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>Requests that are told apart: those of one service from one group of clients.</summary>
/// <param name="Service">The service's name, which is its path below the front's address.</param>
/// <param name="ClientGroup">Sent as a header; null: ordinary clients, who send none.</param>
public sealed record RequestClass(string Service, string? ClientGroup = null)
{
    /// <summary>The service, and the group where there is one: <c>shop</c>, <c>shop@premium</c>.</summary>
    public override string ToString() => ClientGroup is null ? Service : $"{Service}@{ClientGroup}";
}
