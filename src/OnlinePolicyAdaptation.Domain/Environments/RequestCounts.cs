namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>What became of all requests since the simulation began, settling included.</summary>
/// <param name="Arrived">At the front node.</param>
/// <param name="Refused">By the front node, as the blocking rate asks.</param>
/// <param name="Dropped">By a node that was full.</param>
/// <param name="Answered">By a node.</param>
/// <param name="InFlight">Still at a node. Arrived = refused + dropped + answered + in flight.</param>
public readonly record struct RequestCounts(long Arrived, long Refused, long Dropped, long Answered, long InFlight);
