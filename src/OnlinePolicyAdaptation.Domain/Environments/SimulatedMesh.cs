using OnlinePolicyAdaptation.Domain.Environments.Simulation;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>
/// A service mesh simulated event by event, in simulated time: observing takes no longer than computing it.
/// </summary>
/// <remarks>
/// <para>Requests of a service arrive as a Poisson process. The front node refuses each with the blocking rate and
/// routes the others by <see cref="RoutingShares"/>. A node shares its cores equally between its requests, of all
/// services: of n requests each gets min(1, cores / n) cores. The network latency both ways is added to the response
/// time.</para>
/// <para>A request counts as offered in the interval it arrives in, and as answered, with its response time, in the
/// interval it leaves its node in. Requests in flight at the end of an interval are carried over. An overloaded node
/// without a capacity grows its queue as long as the overload lasts.</para>
/// <para>The mesh starts empty. A new configuration is in force from the end of the last interval on; before the next
/// one the settling time passes unmeasured, also before the very first. The load patterns stand still meanwhile:
/// interval k always has the loads from k to k + 1 interval lengths, under every policy.</para>
/// <para>Same key, same metrics, bit for bit. The requests of interval k (times, work, draws) depend on the key, k, the
/// load patterns and the service times alone, so policies compared under one key meet the very same requests.</para>
/// </remarks>
public sealed class SimulatedMesh : IEnvironment
{
    private readonly MeshParameters _parameters;
    private readonly LoadPattern[] _loads;
    private readonly ControlGrid _grid;
    private readonly MonitoringSchedule _schedule;
    private readonly MeshSimulation _simulation;
    private Configuration _configuration;
    private long _interval;
    private bool _isSettled;

    /// <param name="parameters">What the mesh is made of.</param>
    /// <param name="loads">The offered load of every service, in the topology's order.</param>
    /// <param name="grid">The controls, on services and nodes of the topology; no two set the same thing.</param>
    /// <param name="start">The configuration in force at first.</param>
    /// <param name="key">All randomness.</param>
    /// <param name="schedule">When it is measured; by default every 5 s, without settling.</param>
    public SimulatedMesh(
        MeshParameters parameters,
        EquatableArray<LoadPattern> loads,
        ControlGrid grid,
        Configuration start,
        RandomKey key,
        MonitoringSchedule? schedule = null
    )
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(loads.Count, parameters.Topology.Services.Count, nameof(loads));
        MeshControls.Check(grid, parameters.Topology);
        MeshControls.Check(grid, start);
        _parameters = parameters;
        _loads = [.. loads];
        _grid = grid;
        _configuration = start;
        _schedule = schedule ?? new();
        _simulation = new(parameters, new(grid, start, parameters), key);
    }

    /// <summary>What became of all requests so far.</summary>
    public RequestCounts Counts => _simulation.Counts;

    public ValueTask<Metrics> ObserveAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<Metrics>(cancellationToken)
            : ValueTask.FromResult(Observe());

    /// <exception cref="ArgumentOutOfRangeException">The configuration is not on the grid.</exception>
    public ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }
        MeshControls.Check(_grid, configuration);
        if (configuration != _configuration)
        {
            _configuration = configuration;
            _simulation.Apply(new(_grid, configuration, _parameters));
            _isSettled = false;
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<Configuration> ReadBackAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(_configuration);

    private Metrics Observe()
    {
        var loadTime = _interval * _schedule.IntervalSeconds;
        var stretch = 2 * (ulong)_interval;
        if (!_isSettled && _schedule.SettlingSeconds > 0)
        {
            LoadPattern[] held = [.. _loads.Select(load => new LoadPattern.Constant(load.RateAt(loadTime)))];
            _simulation.Run(_schedule.SettlingSeconds, stretch, held, loadTime);
        }
        _isSettled = true;
        _simulation.Run(_schedule.IntervalSeconds, stretch + 1, _loads, loadTime);
        var services = _simulation.Summarize(_schedule.IntervalSeconds);
        return new Metrics(_interval++, _configuration, services);
    }
}
