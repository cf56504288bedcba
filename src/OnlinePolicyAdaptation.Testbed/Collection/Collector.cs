using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Testbed.LoadGeneration;

namespace OnlinePolicyAdaptation.Testbed.Collection;

/// <summary>Gathers what becomes of the load generator's requests, one interval after the other.</summary>
/// <remarks>
/// An interval lasts from one call of <see cref="Cut"/> to the next. A request is offered in the interval in which it was to be
/// sent, and blocked, carried or failed in the one in which the answer came. Thread-safe.
/// </remarks>
public sealed class Collector
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly RequestTally[] _classes;
    private readonly RequestTally[] _services;
    private readonly int[] _serviceOf;
    private readonly ResponseTimeRecord _lateness = new();
    private long _unsent;
    private DateTimeOffset _start;

    /// <param name="classes">The requests to tell apart, in the order of the generator's loads.</param>
    /// <param name="time">Tells when intervals begin and end.</param>
    public Collector(IReadOnlyList<RequestClass> classes, TimeProvider time)
    {
        var services = classes.Select(requests => requests.Service).Distinct().ToList();
        _time = time;
        _classes = [.. classes.Select(requests => new RequestTally($"{requests}"))];
        _services = [.. services.Select(service => new RequestTally(service))];
        _serviceOf = [.. classes.Select(requests => services.IndexOf(requests.Service))];
        _start = time.GetUtcNow();
    }

    /// <summary>Ends an interval and begins the next: what has been measured since the last cut.</summary>
    public MeasuredInterval Cut()
    {
        lock (_lock)
        {
            var end = _time.GetUtcNow();
            var statistics = _lateness.Statistics();
            var measured = new MeasuredInterval(
                _start,
                end,
                _classes.Select(tally => tally.Measured()).ToEquatableArray(),
                _services.Select(tally => tally.Measured()).ToEquatableArray(),
                new(_lateness.Count, _unsent, statistics?.P50?.Seconds ?? 0, statistics?.P99?.Seconds ?? 0)
            );
            foreach (var tally in _classes.Concat(_services))
            {
                tally.Clear();
            }
            _lateness.Clear();
            _unsent = 0;
            _start = end;
            return measured;
        }
    }

    /// <summary>A request is sent.</summary>
    /// <param name="requests">Its class, by number.</param>
    /// <param name="lateness">Seconds since it was to be sent.</param>
    internal void Sent(int requests, double lateness)
    {
        lock (_lock)
        {
            Offered(requests);
            _lateness.Add(lateness);
        }
    }

    /// <summary>A request was to be sent, and is not.</summary>
    internal void Unsent(int requests, string why)
    {
        lock (_lock)
        {
            Offered(requests);
            _unsent++;
            Ended(requests, new(RequestOutcome.Failed, null, why), 0);
        }
    }

    /// <summary>The answer to a request has come.</summary>
    /// <param name="requests">Its class, by number.</param>
    /// <param name="answer">What came of it.</param>
    /// <param name="seconds">Seconds since it was to be sent.</param>
    internal void Ended(int requests, in RequestResult answer, double seconds)
    {
        lock (_lock)
        {
            _classes[requests].Ended(answer, seconds);
            _services[_serviceOf[requests]].Ended(answer, seconds);
        }
    }

    private void Offered(int requests)
    {
        _classes[requests].Offered();
        _services[_serviceOf[requests]].Offered();
    }
}
