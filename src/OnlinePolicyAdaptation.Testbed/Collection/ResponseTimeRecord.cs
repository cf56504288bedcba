using HdrHistogram;
using OnlinePolicyAdaptation.Domain.Environments.Simulation;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Testbed.Collection;

/// <summary>Response times of an interval: mean and deviation exactly, quantiles within 0.1 %.</summary>
/// <remarks>
/// Quantiles are of an HdrHistogram in microseconds, up to an hour, with three digits: the time whose rank is nearest to the
/// asked share of all.
/// </remarks>
internal sealed class ResponseTimeRecord
{
    private const long Longest = 3_600_000_000;

    private readonly LongHistogram _histogram = new(Longest, 3);
    private Moments _moments;

    public long Count => _moments.Count;

    /// <summary>Null where there are none.</summary>
    public ResponseTime? Mean => Count > 0 ? new ResponseTime(_moments.Mean) : null;

    public void Add(double seconds)
    {
        _moments.Add(seconds);
        _histogram.RecordValue(Math.Clamp((long)Math.Round(seconds * 1e6), 0, Longest));
    }

    public void Clear()
    {
        _moments = default;
        _histogram.Reset();
    }

    /// <summary>Null where there are none.</summary>
    public ResponseTimeStatistics? Statistics() =>
        Count == 0
            ? null
            : new()
            {
                Count = Count,
                StandardDeviation = _moments.StandardDeviation,
                P50 = Percentile(50),
                P90 = Percentile(90),
                P95 = Percentile(95),
                P99 = Percentile(99),
            };

    private ResponseTime Percentile(double percent) => new(_histogram.GetValueAtPercentile(percent) / 1e6);
}
