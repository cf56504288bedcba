using System.Globalization;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>A column of a trace, and what its numbers mean.</summary>
/// <param name="Name">As in the header of the file; upper and lower case differ.</param>
/// <param name="Unit">
/// The unit, with an optional factor before it: <c>req/s</c>, <c>5 req/s</c>, <c>s</c>, <c>ms</c>, <c>cores</c>,
/// <c>millicores</c>, <c>fraction</c> or <c>%</c>.
/// </param>
public sealed record TraceColumn(string Name, string Unit)
{
    /// <summary>Whether the unit is one of times: ISO 8601, or s, ms, us or ns since 1970.</summary>
    public bool IsTime => Unit is TraceTime.Iso or "s" or "ms" or "us" or "ns";

    /// <summary>What one of the column's units is in req/s, seconds, cores or as a fraction; null for an unknown unit.</summary>
    public double? Scale
    {
        get
        {
            var separator = Unit.LastIndexOf(' ');
            var factor = 1.0;
            if (
                separator >= 0
                && (
                    !double.TryParse(
                        Unit.AsSpan(0, separator),
                        NumberStyles.Float,
                        CultureInfo.InvariantCulture,
                        out factor
                    ) || !(factor > 0 && double.IsFinite(factor))
                )
            )
            {
                return null;
            }
            return Unit[(separator + 1)..] switch
            {
                "req/s" or "s" or "cores" or "fraction" => factor,
                "ms" or "millicores" => factor / 1000,
                "%" => factor / 100,
                _ => null,
            };
        }
    }
}

/// <summary>Where a trace has the measurements of one service.</summary>
/// <param name="OfferedLoad">Offered load.</param>
/// <param name="CarriedLoad">Carried load.</param>
/// <param name="MeanResponseTime">Mean response time.</param>
public sealed record ServiceColumns(TraceColumn OfferedLoad, TraceColumn CarriedLoad, TraceColumn MeanResponseTime)
{
    /// <summary>The load that the recording was configured for; null: the offered load itself says it.</summary>
    public TraceColumn? LoadLevel { get; init; }

    /// <summary>The finer statistics; null: the trace has none.</summary>
    public StatisticsColumns? Statistics { get; init; }
}

/// <summary>Where a trace has the finer statistics of one service; node columns in the topology's order.</summary>
public sealed record StatisticsColumns(
    TraceColumn StandardDeviation,
    TraceColumn P90,
    TraceColumn P99,
    EquatableArray<TraceColumn> NodeMeans,
    EquatableArray<TraceColumn> NodeStandardDeviations,
    TraceColumn Dropped
);

/// <summary>The columns of a trace that are read, by name and unit. Columns beyond these are ignored.</summary>
/// <param name="Controls">One per control, in the grid's order.</param>
/// <param name="Services">One per service, in the topology's order.</param>
public sealed record TraceColumns(EquatableArray<TraceColumn> Controls, EquatableArray<ServiceColumns> Services)
{
    /// <summary>
    /// The end of the interval; its unit is <c>ISO 8601</c> (with an offset from UTC), or of the time since 1970 <c>s</c>,
    /// <c>ms</c>, <c>us</c> or <c>ns</c>. Null: the trace has no times.
    /// </summary>
    public TraceColumn? Time { get; init; }

    /// <summary>
    /// The names of the KTH testbed: control names as they are; <c>l1, cl1, d1</c> for service 1; loads in req/s, times in
    /// seconds, shares as fractions.
    /// </summary>
    /// <param name="grid">The controls that were recorded.</param>
    /// <param name="services">The number of services.</param>
    /// <param name="loadLevelUnit">
    /// The unit of <c>expected_l1</c>, the load that the recording was configured for, such as <c>5 req/s</c>; null: the
    /// trace has no such columns.
    /// </param>
    public static TraceColumns Testbed(ControlGrid grid, int services, string? loadLevelUnit = null) =>
        new(
            grid.Controls.Select(control => new TraceColumn(
                    control.Name,
                    control.Target is ControlTarget.CpuCores ? "cores" : "fraction"
                ))
                .ToEquatableArray(),
            Enumerable.Range(1, services).Select(service => TestbedService(service, loadLevelUnit)).ToEquatableArray()
        );

    private static ServiceColumns TestbedService(int number, string? loadLevelUnit) =>
        new(new($"l{number}", "req/s"), new($"cl{number}", "req/s"), new($"d{number}", "s"))
        {
            LoadLevel = loadLevelUnit is null ? null : new($"expected_l{number}", loadLevelUnit),
        };
}
