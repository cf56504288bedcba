using System.Runtime.InteropServices;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>What is measured of one service in the course of a monitoring interval.</summary>
internal sealed class ServiceMeasurement(int nodes)
{
    private readonly List<double> _responseTimes = [];
    private readonly Moments[] _byNode = new Moments[nodes];
    private Moments _all;
    private long _arrived;
    private long _blocked;
    private long _dropped;

    public void Clear()
    {
        _responseTimes.Clear();
        Array.Clear(_byNode);
        _all = default;
        _arrived = 0;
        _blocked = 0;
        _dropped = 0;
    }

    public void Arrived() => _arrived++;

    public void Blocked() => _blocked++;

    public void Dropped() => _dropped++;

    public void Answered(int node, double responseTime)
    {
        _responseTimes.Add(responseTime);
        _byNode[node].Add(responseTime);
        _all.Add(responseTime);
    }

    /// <summary>The metrics of an interval of this length. Once per interval: the response times get sorted.</summary>
    public ServiceMetrics Summarize(double seconds)
    {
        var sorted = CollectionsMarshal.AsSpan(_responseTimes);
        sorted.Sort();
        return new ServiceMetrics(
            new(_arrived / seconds),
            new(_all.Count / seconds),
            _all.Count > 0 ? new ResponseTime(_all.Mean) : null
        )
        {
            BlockedLoad = new(_blocked / seconds),
            FailedLoad = new(_dropped / seconds),
            Statistics = Statistics(_all) is { } statistics
                ? statistics with
                {
                    P90 = new(Quantile.OfSorted(sorted, 0.9)),
                    P99 = new(Quantile.OfSorted(sorted, 0.99)),
                }
                : null,
            Nodes = _byNode
                .Select(node => new ServiceAtNode
                {
                    CarriedLoad = new(node.Count / seconds),
                    MeanResponseTime = node.Count > 0 ? new ResponseTime(node.Mean) : null,
                    Statistics = Statistics(node),
                })
                .ToEquatableArray(),
        };
    }

    /// <summary>Null where nothing was answered.</summary>
    private static ResponseTimeStatistics? Statistics(Moments answered) =>
        answered.Count > 0 ? new() { Count = answered.Count, StandardDeviation = answered.StandardDeviation } : null;
}
