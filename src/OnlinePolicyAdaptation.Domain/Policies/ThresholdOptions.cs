using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>Settings of a <see cref="ThresholdPolicy"/>.</summary>
public sealed record ThresholdOptions
{
    private readonly double _targetUtilisation = 0.8;
    private readonly double _tolerance = 0.1;
    private readonly double _peakLoad = 1;

    /// <param name="cpuSecondsPerRequest">
    /// CPU time that a request of each service takes, as an operator reads it off CPU use and request rate; at least 0.
    /// </param>
    public ThresholdOptions(EquatableArray<double> cpuSecondsPerRequest)
    {
        foreach (var seconds in cpuSecondsPerRequest)
        {
            Require.NotNegative(seconds, nameof(cpuSecondsPerRequest));
        }
        CpuSecondsPerRequest = cpuSecondsPerRequest;
    }

    public EquatableArray<double> CpuSecondsPerRequest { get; }

    /// <summary>The share of its cores that a node should use; above 0, default 0.8.</summary>
    public double TargetUtilisation
    {
        get => _targetUtilisation;
        init => _targetUtilisation = Require.Positive(value, nameof(TargetUtilisation));
    }

    /// <summary>Within this share of the target nothing is done; at least 0, default 0.1 as in Kubernetes.</summary>
    public double Tolerance
    {
        get => _tolerance;
        init => _tolerance = Require.NotNegative(value, nameof(Tolerance));
    }

    /// <summary>
    /// The highest load of the stabilisation window over the load now; at least 1, default 1, a load that is steady over the
    /// window.
    /// </summary>
    public double PeakLoad
    {
        get => _peakLoad;
        init =>
            _peakLoad =
                Require.Positive(value, nameof(PeakLoad)) >= 1
                    ? value
                    : throw new ArgumentOutOfRangeException(
                        nameof(PeakLoad),
                        FormattableString.Invariant($"PeakLoad is {value}; expected at least 1")
                    );
    }
}
