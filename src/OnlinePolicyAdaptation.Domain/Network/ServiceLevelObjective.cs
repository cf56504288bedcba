namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The promise made to a service's clients: its mean response time stays within the bound.</summary>
public readonly record struct ServiceLevelObjective(ResponseTime Bound)
{
    /// <summary>By how many seconds a response time misses the bound; 0 when it keeps it.</summary>
    public double Excess(double seconds) => seconds <= Bound.Seconds ? 0 : seconds - Bound.Seconds;
}
