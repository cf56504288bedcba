using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>What was measured of one service over one monitoring interval.</summary>
/// <remarks>
/// <para>A request is offered in the interval it comes in, and blocked in the same. It is carried, or has failed, in the
/// interval that ends it. So offered = blocked + carried + failed + what requests in flight have become more; that is
/// below 0 while a queue is worked off.</para>
/// <para>Where nothing was served there is no response time, and <see cref="MeanResponseTime"/> is null.</para>
/// </remarks>
/// <param name="OfferedLoad">Requests that came.</param>
/// <param name="CarriedLoad">Requests that were answered.</param>
/// <param name="MeanResponseTime">Over the answered requests.</param>
public sealed record ServiceMetrics(RequestRate OfferedLoad, RequestRate CarriedLoad, ResponseTime? MeanResponseTime)
{
    /// <summary>Requests that we refused at the front; null where the source does not say.</summary>
    public RequestRate? BlockedLoad { get; init; }

    /// <summary>Requests that were lost: neither refused at the front nor answered; null where the source does not say.</summary>
    public RequestRate? FailedLoad { get; init; }

    /// <summary>The finer statistics of the response time, where the source reports some.</summary>
    public ResponseTimeStatistics? Statistics { get; init; }

    /// <summary>By node, in the topology's order; empty where the source reports none.</summary>
    public EquatableArray<ServiceAtNode> Nodes { get; init; }
}

/// <summary>Statistics of response times over one monitoring interval; each is null where the source does not say.</summary>
public sealed record ResponseTimeStatistics
{
    /// <summary>Response times that were measured, at least 0.</summary>
    public long? Count { get; init; }

    /// <summary>In seconds.</summary>
    public double? StandardDeviation { get; init; }

    /// <summary>Half of the response times are at most so long.</summary>
    public ResponseTime? P50 { get; init; }

    /// <summary>90th percentile.</summary>
    public ResponseTime? P90 { get; init; }

    /// <summary>95th percentile.</summary>
    public ResponseTime? P95 { get; init; }

    /// <summary>99th percentile.</summary>
    public ResponseTime? P99 { get; init; }
}

/// <summary>What was measured of a service at one of its nodes; each is null where the source does not say.</summary>
public sealed record ServiceAtNode
{
    /// <summary>Requests that were routed to the node.</summary>
    public RequestRate? OfferedLoad { get; init; }

    /// <summary>Requests that the node answered.</summary>
    public RequestRate? CarriedLoad { get; init; }

    /// <summary>Requests that came to the node and were lost.</summary>
    public RequestRate? FailedLoad { get; init; }

    /// <summary>Over the requests that the node answered; null where it answered none.</summary>
    public ResponseTime? MeanResponseTime { get; init; }

    /// <summary>The finer statistics of the response time, where the source reports some.</summary>
    public ResponseTimeStatistics? Statistics { get; init; }
}
