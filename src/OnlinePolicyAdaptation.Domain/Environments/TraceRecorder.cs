using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>Starts a system under constant loads and a configuration.</summary>
/// <param name="loads">One per service.</param>
/// <param name="configuration">In force from the start.</param>
/// <param name="key">All randomness.</param>
public delegate IEnvironment StartEnvironment(
    EquatableArray<LoadPattern> loads,
    Configuration configuration,
    RandomKey key
);

/// <summary>Records what a system does under every load level and every configuration of its grid.</summary>
public static class TraceRecorder
{
    /// <summary>
    /// Starts the system once per load level and configuration, each time with a key of its own, and observes it.
    /// </summary>
    /// <param name="start">Starts the system; its schedule should let it settle first.</param>
    /// <param name="grid">The controls; all configurations are visited.</param>
    /// <param name="loadLevels">Each one rate per service.</param>
    /// <param name="intervals">Monitoring intervals per load level and configuration, at least 1.</param>
    /// <param name="key">All randomness.</param>
    /// <param name="cancellationToken">Checked at every interval.</param>
    /// <returns>
    /// Load levels in their order, within each the configurations by number, within each the intervals, which are
    /// numbered on through the whole trace.
    /// </returns>
    public static async Task<IReadOnlyList<RecordedInterval>> RecordAsync(
        StartEnvironment start,
        ControlGrid grid,
        IReadOnlyList<EquatableArray<RequestRate>> loadLevels,
        int intervals,
        RandomKey key,
        CancellationToken cancellationToken
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(intervals);
        var rows = new List<RecordedInterval>(loadLevels.Count * grid.ConfigurationCount * intervals);
        for (var level = 0; level < loadLevels.Count; level++)
        {
            var levels = loadLevels[level];
            var loads = levels.Select(LoadPattern (rate) => new LoadPattern.Constant(rate)).ToEquatableArray();
            for (var number = 0; number < grid.ConfigurationCount; number++)
            {
                var environment = start(loads, grid.ConfigurationAt(number), key.Split(level).Split(number));
                for (var i = 0; i < intervals; i++)
                {
                    var metrics = await environment.ObserveAsync(cancellationToken);
                    rows.Add(new(levels, metrics with { Interval = rows.Count }));
                }
            }
        }
        return rows;
    }
}
