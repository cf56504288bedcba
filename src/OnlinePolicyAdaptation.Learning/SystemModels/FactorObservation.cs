namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>What one service shows of the nodes in an interval. The filter of node factors sees nothing else.</summary>
public sealed record FactorObservation
{
    /// <summary>Which service, from 0: what was left over of it before counts where its noise is correlated.</summary>
    public required int Service { get; init; }

    /// <summary>Logarithm of the measured response time over that of the reference system.</summary>
    public required double LogRatio { get; init; }

    /// <summary>The share of requests of every node.</summary>
    public required double[] Shares { get; init; }

    /// <summary>
    /// Logarithm of what a node with each factor of <see cref="FactorGrid"/> makes of its requests' response time; ascending.
    /// </summary>
    public required double[] Law { get; init; }

    /// <summary>Error of the law per unit of distance.</summary>
    public required double LawError { get; init; }

    /// <summary>Variance of the reference system's response time where it was not measured, in logarithms.</summary>
    public required double Prior { get; init; }

    /// <summary>What the configuration has shown before.</summary>
    public required LawAnchor[] Anchors { get; init; }

    /// <summary>Standard deviation of a measurement, in logarithms.</summary>
    public required double Noise { get; init; }

    /// <summary>Correlation of the noise from one interval to the next; below 0.1 it is taken for none.</summary>
    public double Correlation { get; init; }
}
