namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>A request that is to be sent.</summary>
/// <param name="Seconds">When, counted from the generator's start.</param>
/// <param name="Load">The load it belongs to, by its place in the generator's list.</param>
public readonly record struct ScheduledRequest(double Seconds, int Load);
