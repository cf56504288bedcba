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
    private long _dropped;

    public void Clear()
    {
        _responseTimes.Clear();
        Array.Clear(_byNode);
        _all = default;
        _arrived = 0;
        _dropped = 0;
    }

    public void Arrived() => _arrived++;

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
            Statistics = new(
                _all.StandardDeviation,
                new(Quantile.OfSorted(sorted, 0.9)),
                new(Quantile.OfSorted(sorted, 0.99)),
                _byNode.Select(node => new ResponseTime(node.Mean)).ToEquatableArray(),
                _byNode.Select(node => node.StandardDeviation).ToEquatableArray(),
                new(_dropped / seconds)
            ),
        };
    }
}
