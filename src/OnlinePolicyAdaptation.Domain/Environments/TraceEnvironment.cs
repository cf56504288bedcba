using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>
/// A recorded system in closed loop: each interval is answered with a row of the trace that was recorded under the
/// configuration in force, at the load level nearest to the interval's among those recorded under it, drawn by key.
/// </summary>
public sealed class TraceEnvironment : IEnvironment
{
    private readonly Dictionary<Configuration, RecordedConfiguration> _recorded;
    private readonly TestbedTrace _trace;
    private readonly ControlGrid _grid;
    private readonly Func<long, EquatableArray<RequestRate>> _loads;
    private readonly RandomKey _key;
    private Configuration _configuration;
    private long _interval;

    /// <param name="trace">The recording.</param>
    /// <param name="grid">The controls it was recorded over.</param>
    /// <param name="start">The configuration in force in the first interval.</param>
    /// <param name="loads">The load of every service in an interval.</param>
    /// <param name="key">Decides which row answers: interval i draws with child i.</param>
    public TraceEnvironment(
        TestbedTrace trace,
        ControlGrid grid,
        Configuration start,
        Func<long, EquatableArray<RequestRate>> loads,
        RandomKey key
    )
    {
        _recorded = trace
            .Rows.GroupBy(row => row.Configuration)
            .ToDictionary(rows => rows.Key, rows => new RecordedConfiguration(rows));
        _trace = trace;
        _grid = grid;
        _configuration = start;
        _loads = loads;
        _key = key;
    }

    /// <exception cref="BadInputException">No row was recorded under this configuration.</exception>
    public ValueTask<Metrics> ObserveAsync(CancellationToken cancellationToken)
    {
        if (!_recorded.TryGetValue(_configuration, out var recorded))
        {
            throw new BadInputException(
                $"{_trace.Path}: no row with {_grid.Describe(_configuration)}; expected one of every configuration"
            );
        }
        var candidates = recorded.Rows[LoadLevels.Nearest(recorded.Levels, _loads(_interval))];
        var row = candidates[_key.Split((ulong)_interval).Sequence().NextInt(candidates.Length)];
        return ValueTask.FromResult(new Metrics(_interval++, _configuration, row.Services));
    }

    public ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken)
    {
        _configuration = configuration;
        return ValueTask.CompletedTask;
    }

    public ValueTask<Configuration> ReadBackAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(_configuration);

    /// <summary>The rows of a configuration by load level, in the trace's order; levels ascending by their first load.</summary>
    private sealed class RecordedConfiguration(IEnumerable<TraceRow> rows)
    {
        public Dictionary<EquatableArray<RequestRate>, TraceRow[]> Rows { get; } =
            rows.GroupBy(row => row.LoadLevels).ToDictionary(level => level.Key, level => level.ToArray());

        public IReadOnlyList<EquatableArray<RequestRate>> Levels { get; } =
        [.. rows.Select(row => row.LoadLevels).Distinct().OrderBy(level => level[0].PerSecond)];
    }
}
