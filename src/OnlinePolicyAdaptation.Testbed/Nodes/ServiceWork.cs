using System.Text.Json.Serialization;
using OnlinePolicyAdaptation.Domain.Environments;

namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>What a node does to answer a request.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<WorkKind>))]
public enum WorkKind
{
    /// <summary>It multiplies random matrices.</summary>
    Compute,

    /// <summary>It looks rows up in a SQLite database of its own.</summary>
    Information,
}

/// <summary>The work in one request of a service.</summary>
/// <param name="Service">The service's name.</param>
/// <param name="Kind">What is done.</param>
/// <param name="MeanMilliseconds">Mean CPU time of a request; above 0.</param>
/// <param name="SquaredVariation">Variance over squared mean, not negative; the CPU time is lognormal.</param>
public sealed record ServiceWork(string Service, WorkKind Kind, double MeanMilliseconds, double SquaredVariation)
{
    /// <summary>The CPU seconds of a request.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    internal ServiceTime Distribution()
    {
        var mean = MeanMilliseconds / 1000;
        return SquaredVariation == 0
            ? new ServiceTime.Deterministic(mean)
            : new ServiceTime.Lognormal(mean, SquaredVariation);
    }
}
