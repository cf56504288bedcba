using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>
/// A recorded system in closed loop: each interval is answered with a row of the trace that was recorded under the
/// configuration in force and at the load level of the interval, drawn by key.
/// </summary>
public sealed class TraceEnvironment : IEnvironment
{
    private readonly ILookup<(Configuration, EquatableArray<RequestRate>), TraceRow> _rows;
    private readonly TestbedTrace _trace;
    private readonly ControlGrid _grid;
    private readonly Func<long, EquatableArray<RequestRate>> _loadLevels;
    private readonly RandomKey _key;
    private Configuration _configuration;
    private long _interval;

    /// <param name="trace">The recording.</param>
    /// <param name="grid">The controls it was recorded over.</param>
    /// <param name="start">The configuration in force in the first interval.</param>
    /// <param name="loadLevels">The load level of every service in an interval; one that the trace has.</param>
    /// <param name="key">Decides which row answers: interval i draws with child i.</param>
    public TraceEnvironment(
        TestbedTrace trace,
        ControlGrid grid,
        Configuration start,
        Func<long, EquatableArray<RequestRate>> loadLevels,
        RandomKey key
    )
    {
        _rows = trace.Rows.ToLookup(row => (row.Configuration, row.LoadLevels));
        _trace = trace;
        _grid = grid;
        _configuration = start;
        _loadLevels = loadLevels;
        _key = key;
    }

    /// <exception cref="BadInputException">No row was recorded under this configuration and load level.</exception>
    public ValueTask<Metrics> ObserveAsync(CancellationToken cancellationToken)
    {
        var levels = _loadLevels(_interval);
        var candidates = _rows[(_configuration, levels)].ToArray();
        if (candidates.Length == 0)
        {
            throw new BadInputException(
                $"{_trace.Path}: no row with {_grid.Describe(_configuration)} at load level "
                    + $"{string.Join(", ", levels.Select(level => FormattableString.Invariant($"{level.PerSecond}")))} req/s"
            );
        }
        var row = candidates[_key.Split((ulong)_interval).Sequence().NextInt(candidates.Length)];
        return ValueTask.FromResult(new Metrics(_interval++, _configuration, row.Services));
    }

    public ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken)
    {
        _configuration = configuration;
        return ValueTask.CompletedTask;
    }
}
