using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Testbed.LoadGeneration;

namespace OnlinePolicyAdaptation.Testbed.Collection;

/// <summary>Counts and response times of some requests since the last clearing.</summary>
internal sealed class RequestTally(string name)
{
    private readonly NodeTally _all = new();
    private readonly SortedDictionary<string, NodeTally> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _failures = new(StringComparer.Ordinal);
    private long _offered;
    private long _blocked;
    private long _inFlight;

    public void Offered()
    {
        _offered++;
        _inFlight++;
    }

    public void Ended(in RequestResult answer, double seconds)
    {
        _inFlight--;
        if (answer.Outcome == RequestOutcome.Blocked)
        {
            _blocked++;
            return;
        }
        Count(_all, answer, seconds);
        if (answer.Node is { } node)
        {
            if (!_nodes.TryGetValue(node, out var tally))
            {
                _nodes[node] = tally = new();
            }
            Count(tally, answer, seconds);
        }
        if (answer.Failure is { } reason)
        {
            _failures[reason] = _failures.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>What is in flight stays so.</summary>
    public void Clear()
    {
        _offered = 0;
        _blocked = 0;
        _all.Clear();
        _failures.Clear();
        foreach (var tally in _nodes.Values)
        {
            tally.Clear();
        }
    }

    public MeasuredRequests Measured() =>
        new(name)
        {
            Offered = _offered,
            Carried = _all.Times.Count,
            Blocked = _blocked,
            Failed = _all.Failed,
            InFlight = _inFlight,
            MeanResponseTime = _all.Times.Mean,
            Statistics = _all.Times.Statistics(),
            Nodes = _nodes
                .Where(node => !node.Value.IsEmpty)
                .Select(node => new MeasuredAtNode(node.Key)
                {
                    Carried = node.Value.Times.Count,
                    Failed = node.Value.Failed,
                    MeanResponseTime = node.Value.Times.Mean,
                    Statistics = node.Value.Times.Statistics(),
                })
                .ToEquatableArray(),
            Failures = _failures
                .OrderByDescending(failure => failure.Value)
                .ThenBy(failure => failure.Key, StringComparer.Ordinal)
                .Select(failure => new FailureCount(failure.Key, failure.Value))
                .ToEquatableArray(),
        };

    private static void Count(NodeTally tally, in RequestResult answer, double seconds)
    {
        if (answer.Outcome == RequestOutcome.Carried)
        {
            tally.Times.Add(seconds);
        }
        else
        {
            tally.Failed++;
        }
    }

    private sealed class NodeTally
    {
        public ResponseTimeRecord Times { get; } = new();

        public long Failed { get; set; }

        public bool IsEmpty => Times.Count == 0 && Failed == 0;

        public void Clear()
        {
            Times.Clear();
            Failed = 0;
        }
    }
}
