namespace OnlinePolicyAdaptation.Testbed.Collection;

/// <summary>How well the load generator kept to its schedule over one interval.</summary>
/// <remarks>Requests that are sent late still count from when they were to be sent, so response times have the delay in them.</remarks>
/// <param name="Sent">Requests that were sent.</param>
/// <param name="Unsent">Requests that were not, since too many were in flight; each also counts as offered and failed.</param>
/// <param name="MedianLatenessSeconds">Half of the requests were sent at most so late; 0 where none was sent.</param>
/// <param name="P99LatenessSeconds">99 % of the requests were sent at most so late; 0 where none was sent.</param>
public readonly record struct SendingQuality(
    long Sent,
    long Unsent,
    double MedianLatenessSeconds,
    double P99LatenessSeconds
)
{
    /// <summary>The lateness that 1 % of the requests may exceed before the generator is said not to keep up, in seconds.</summary>
    public const double AcceptableLatenessSeconds = 0.02;

    /// <summary>Whether all was sent, and nearly all in time: else what was measured is also of the generator.</summary>
    public bool KeptUp => Unsent == 0 && P99LatenessSeconds <= AcceptableLatenessSeconds;
}
