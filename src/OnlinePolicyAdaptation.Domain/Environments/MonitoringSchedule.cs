namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>When a managed system is measured.</summary>
public sealed record MonitoringSchedule
{
    /// <summary>Length of a monitoring interval, in seconds. Above 0.</summary>
    public double IntervalSeconds
    {
        get;
        init => field = Require.Positive(value, nameof(IntervalSeconds));
    } = 5;

    /// <summary>
    /// Seconds that pass unmeasured between a new configuration and the next monitoring interval. Not negative.
    /// </summary>
    public double SettlingSeconds
    {
        get;
        init => field = Require.NotNegative(value, nameof(SettlingSeconds));
    }
}
