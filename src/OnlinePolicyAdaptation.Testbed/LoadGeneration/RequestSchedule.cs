using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>When the requests of several loads are to be sent: known before any is, whatever becomes of them.</summary>
/// <remarks>
/// Each load draws from a key of its own, so a load that is added or changed leaves the others' requests as they are.
/// </remarks>
public sealed class RequestSchedule
{
    private readonly PoissonArrivals[] _arrivals;
    private double _end;

    public RequestSchedule(IReadOnlyList<ServiceLoad> loads, RandomKey key) =>
        _arrivals = [.. loads.Select((load, i) => new PoissonArrivals(load.Pattern, key.Split(i)))];

    /// <summary>The requests from the end of those given so far, at first 0, until before a time; in the order of time.</summary>
    /// <param name="until">In seconds, not before the last.</param>
    /// <param name="factor">All rates are multiplied by it, from the end of those given so far on; at least 0.</param>
    public IReadOnlyList<ScheduledRequest> Next(double until, double factor = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(until, _end);
        ArgumentOutOfRangeException.ThrowIfNegative(factor);
        var requests = new List<ScheduledRequest>();
        for (var load = 0; load < _arrivals.Length; load++)
        {
            _arrivals[load].Rescale(_end, factor);
            while (_arrivals[load].TryNext(until, out var seconds))
            {
                requests.Add(new(seconds, load));
            }
        }
        _end = until;
        requests.Sort((one, other) => one.Seconds.CompareTo(other.Seconds));
        return requests;
    }
}
