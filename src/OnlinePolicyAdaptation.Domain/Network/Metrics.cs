using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>What was measured of one service over one monitoring interval.</summary>
/// <remarks>Where nothing was served there is no response time, and <see cref="MeanResponseTime"/> is null.</remarks>
public sealed record ServiceMetrics(RequestRate OfferedLoad, RequestRate CarriedLoad, ResponseTime? MeanResponseTime)
{
    /// <summary>The finer statistics of the response time, where the source reports them.</summary>
    public ResponseTimeStatistics? Statistics { get; init; }
}

/// <summary>Statistics of the response times of one service over one monitoring interval.</summary>
/// <param name="StandardDeviation">Over the answered requests, in seconds.</param>
/// <param name="P90">90th percentile.</param>
/// <param name="P99">99th percentile.</param>
/// <param name="NodeMeans">Mean per node in the topology's order; zero seconds where a node answered nothing.</param>
/// <param name="NodeStandardDeviations">Per node, in seconds; zero where a node answered nothing.</param>
/// <param name="Dropped">Requests per second that were lost: neither refused at the front node nor answered.</param>
public sealed record ResponseTimeStatistics(
    double StandardDeviation,
    ResponseTime P90,
    ResponseTime P99,
    EquatableArray<ResponseTime> NodeMeans,
    EquatableArray<double> NodeStandardDeviations,
    RequestRate Dropped
);

/// <summary>What was measured over one monitoring interval, and under which configuration.</summary>
/// <param name="Interval">Number of the monitoring interval, from 0, growing.</param>
/// <param name="Configuration">The configuration in force during the interval.</param>
/// <param name="Services">One entry per service, in the topology's order.</param>
public sealed record Metrics(long Interval, Configuration Configuration, EquatableArray<ServiceMetrics> Services);
