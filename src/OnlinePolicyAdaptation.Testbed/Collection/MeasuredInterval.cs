using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Testbed.LoadGeneration;

namespace OnlinePolicyAdaptation.Testbed.Collection;

/// <summary>What the clients saw of the requests over one interval.</summary>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended.</param>
/// <param name="Classes">Each class of requests, in the collector's order.</param>
/// <param name="Services">Each service, of all its clients, in the order in which the classes name them first.</param>
/// <param name="Sending">How well the generator kept to its schedule.</param>
public sealed record MeasuredInterval(
    DateTimeOffset Start,
    DateTimeOffset End,
    EquatableArray<MeasuredRequests> Classes,
    EquatableArray<MeasuredRequests> Services,
    SendingQuality Sending
)
{
    /// <summary>Seconds from its beginning to its end.</summary>
    public double LengthSeconds => (End - Start).TotalSeconds;

    /// <summary>The interval as the controller takes it.</summary>
    /// <param name="topology">A service of it that had no clients is one that nothing was offered to.</param>
    /// <param name="configuration">In force during the interval.</param>
    public Interval ToInterval(Topology topology, Configuration configuration) =>
        new(End, configuration, ServicesOf(topology)) { LengthSeconds = LengthSeconds };

    /// <summary>The interval as experiments and traces take it.</summary>
    /// <param name="number">From 0, growing.</param>
    /// <param name="topology">A service of it that had no clients is one that nothing was offered to.</param>
    /// <param name="configuration">In force during the interval.</param>
    public Metrics ToMetrics(long number, Topology topology, Configuration configuration) =>
        new(number, configuration, ServicesOf(topology));

    private EquatableArray<ServiceMetrics> ServicesOf(Topology topology) =>
        topology
            .Services.Select(service =>
                Services
                    .FirstOrDefault(measured => measured.Name == service, new MeasuredRequests(service))
                    .ToMetrics(topology.Nodes, LengthSeconds)
            )
            .ToEquatableArray();
}

/// <summary>What became of some requests over one interval.</summary>
/// <remarks>Offered = blocked + carried + failed + what those in flight have become more.</remarks>
/// <param name="Name">Of the service, or of the class of requests.</param>
public sealed record MeasuredRequests(string Name)
{
    /// <summary>Requests whose time to be sent came.</summary>
    public long Offered { get; init; }

    /// <summary>Answered with 2xx.</summary>
    public long Carried { get; init; }

    /// <summary>Refused with 429.</summary>
    public long Blocked { get; init; }

    /// <summary>Lost, for the reasons in <see cref="Failures"/>.</summary>
    public long Failed { get; init; }

    /// <summary>Under way at the interval's end.</summary>
    public long InFlight { get; init; }

    /// <summary>Of the carried requests, from when they were to be sent; null where there are none.</summary>
    public ResponseTime? MeanResponseTime { get; init; }

    /// <summary>Of the carried requests; null where there are none.</summary>
    public ResponseTimeStatistics? Statistics { get; init; }

    /// <summary>Each node that answered, by name, ascending.</summary>
    public EquatableArray<MeasuredAtNode> Nodes { get; init; }

    /// <summary>Why requests failed, the most frequent reason first.</summary>
    public EquatableArray<FailureCount> Failures { get; init; }

    /// <param name="nodes">Names, in the topology's order.</param>
    /// <param name="seconds">Length of the interval.</param>
    internal ServiceMetrics ToMetrics(EquatableArray<string> nodes, double seconds) =>
        new(new(Offered / seconds), new(Carried / seconds), MeanResponseTime)
        {
            BlockedLoad = new(Blocked / seconds),
            FailedLoad = new(Failed / seconds),
            Statistics = Statistics,
            Nodes = nodes
                .Select(node =>
                    Nodes.FirstOrDefault(measured => measured.Node == node, new MeasuredAtNode(node)).ToMetrics(seconds)
                )
                .ToEquatableArray(),
        };
}

/// <summary>What became of requests that came to one node. Of those without an answer no node is known.</summary>
/// <param name="Node">Its name.</param>
public sealed record MeasuredAtNode(string Node)
{
    /// <summary>Answered with 2xx.</summary>
    public long Carried { get; init; }

    /// <summary>Answered with neither 2xx nor 429.</summary>
    public long Failed { get; init; }

    /// <summary>Of the carried requests; null where there are none.</summary>
    public ResponseTime? MeanResponseTime { get; init; }

    /// <summary>Of the carried requests; null where there are none.</summary>
    public ResponseTimeStatistics? Statistics { get; init; }

    internal ServiceAtNode ToMetrics(double seconds) =>
        new()
        {
            CarriedLoad = new(Carried / seconds),
            FailedLoad = new(Failed / seconds),
            MeanResponseTime = MeanResponseTime,
            Statistics = Statistics,
        };
}

/// <summary>How many requests failed for one reason.</summary>
public readonly record struct FailureCount(string Reason, long Count);
