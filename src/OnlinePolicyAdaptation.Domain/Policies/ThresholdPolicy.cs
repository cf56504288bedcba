using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>
/// What a Kubernetes Horizontal Pod Autoscaler does on CPU use, on CPU controls: cores for replicas, one level at a time.
/// Routing and blocking are left as they are.
/// </summary>
/// <remarks>
/// <para>
/// Utilisation is the CPU time asked for per second (offered load less what is refused, routed by the weights, times CPU
/// time per request) over the cores of a control's nodes, averaged over these like an autoscaler's over its pods. The
/// autoscaler wants <c>ceil(cores * utilisation / target)</c> cores and does nothing while the ratio is within the tolerance
/// of 1. So a control goes up a level where utilisation exceeds the target by more than the tolerance, and down where it
/// falls short of it by more and would not exceed the target on the level below either.
/// </para>
/// <para>
/// An autoscaler acts on the highest number it wanted during the stabilisation window. A policy sees one state and no past;
/// that number is the one at the window's highest load, so going down is judged at <see cref="ThresholdOptions.PeakLoad"/>
/// times the load now. Where loads are steady over a window the two are the same.
/// </para>
/// </remarks>
public sealed class ThresholdPolicy : IPolicy<SystemState, ControlAction>
{
    private readonly ControlGrid _grid;
    private readonly int _nodes;
    private readonly RoutingShares[] _routing;
    private readonly ThresholdOptions _options;

    /// <param name="grid">The controls, for services and nodes of the topology.</param>
    /// <param name="topology">Services and nodes.</param>
    /// <param name="options">CPU time of every service of the topology, and when to act.</param>
    public ThresholdPolicy(ControlGrid grid, Topology topology, ThresholdOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(
            options.CpuSecondsPerRequest.Count,
            topology.Services.Count,
            nameof(options)
        );
        _grid = grid;
        _nodes = topology.Nodes.Count;
        _routing =
        [
            .. Enumerable.Range(0, topology.Services.Count).Select(service => new RoutingShares(grid, service, _nodes)),
        ];
        _options = options;
    }

    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key)
    {
        var demand = Demand(state);
        var moves = new int[_grid.Controls.Count];
        for (var i = 0; i < moves.Length; i++)
        {
            if (_grid.Controls[i].Target is ControlTarget.CpuCores cpu)
            {
                moves[i] = Move(_grid.Controls[i], state.Configuration.Levels[i], cpu, demand);
            }
        }
        return new ControlAction(moves.ToEquatableArray()).Within(mask);
    }

    /// <summary>CPU seconds per second that each node is asked for.</summary>
    private double[] Demand(SystemState state)
    {
        var demand = new double[_nodes];
        var shares = new double[_nodes];
        for (var service = 0; service < state.OfferedLoads.Count; service++)
        {
            var accepted = 1.0;
            for (var i = 0; i < _grid.Controls.Count; i++)
            {
                if (_grid.Controls[i].Target is ControlTarget.BlockingRate blocking && blocking.Service == service)
                {
                    accepted = 1 - _grid.Controls[i].Value(state.Configuration.Levels[i]);
                }
            }
            _routing[service].Write(state.Configuration, shares);
            var work = state.OfferedLoads[service].PerSecond * accepted * _options.CpuSecondsPerRequest[service];
            for (var node = 0; node < _nodes; node++)
            {
                demand[node] += work * shares[node];
            }
        }
        return demand;
    }

    private int Move(Control control, int level, ControlTarget.CpuCores cpu, double[] demand)
    {
        var asked = 0.0;
        foreach (var node in cpu.Nodes)
        {
            asked += demand[node] / cpu.Nodes.Count;
        }
        var target = _options.TargetUtilisation;
        var wanted = asked / target;
        var cores = control.Value(level);
        if (wanted > cores * (1 + _options.Tolerance))
        {
            return 1;
        }
        var peak = wanted * _options.PeakLoad;
        return level > 0 && peak < cores * (1 - _options.Tolerance) && peak <= control.Value(level - 1) ? -1 : 0;
    }
}
