using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Testbed.Fronts;
using OnlinePolicyAdaptation.Testbed.Nodes;
using OnlinePolicyAdaptation.Testbed.Processes;

namespace OnlinePolicyAdaptation.Testbed;

/// <summary>Brings configurations to the front and the nodes of a testbed, and asks them which one is in force.</summary>
public sealed class TestbedActuator : IActuator
{
    /// <summary>A process that has died is back by then.</summary>
    private static readonly TimeSpan LongestAbsence = TimeSpan.FromSeconds(60);

    private readonly TestbedProcesses _processes;
    private readonly Topology _topology;
    private readonly ControlGrid _grid;
    private readonly RoutingShares[] _shares;
    private Configuration? _applied;

    /// <param name="processes">A node for each of the topology.</param>
    /// <param name="topology">The services and nodes of the controls.</param>
    /// <param name="grid">The controls.</param>
    public TestbedActuator(TestbedProcesses processes, Topology topology, ControlGrid grid)
    {
        _processes = processes;
        _topology = topology;
        _grid = grid;
        _shares =
        [
            .. Enumerable
                .Range(0, topology.Services.Count)
                .Select(service => new RoutingShares(grid, service, topology.Nodes.Count)),
        ];
    }

    public async ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken)
    {
        var front = new FrontConfiguration([
            .. _topology.Services.Select((name, service) => Route(name, service, configuration)),
        ]);
        _ = await OfFrontAsync(
            async () =>
            {
                await _processes.Front.ApplyAsync(front, cancellationToken);
                return front;
            },
            cancellationToken
        );
        for (var i = 0; i < _grid.Controls.Count; i++)
        {
            if (_grid.Controls[i].Target is ControlTarget.CpuCores cores)
            {
                var value = _grid.Controls[i].Value(configuration.Levels[i]);
                foreach (var node in cores.Nodes)
                {
                    await _processes.ChangeNodeAsync(node, state => state with { CpuCores = value }, cancellationToken);
                }
            }
        }
        _applied = configuration;
    }

    /// <inheritdoc/>
    /// <remarks>Cores of nodes that are all away are those that were applied last, which they start again with.</remarks>
    /// <exception cref="BadInputException">A value is off the grid: somebody else has set it.</exception>
    public async ValueTask<Configuration> ReadBackAsync(CancellationToken cancellationToken)
    {
        var front = await OfFrontAsync(() => _processes.Front.ReadBackAsync(cancellationToken), cancellationToken);
        var nodes = new NodeState?[_topology.Nodes.Count];
        for (var node = 0; node < nodes.Length; node++)
        {
            nodes[node] = await _processes.NodeAsync(node, cancellationToken);
        }
        var levels = new int[_grid.Controls.Count];
        for (var i = 0; i < levels.Length; i++)
        {
            levels[i] = Value(i, front, nodes) is { } value
                ? Level(_grid.Controls[i], value)
                : _applied?.Levels[i] ?? 0;
        }
        return new Configuration([.. levels]);
    }

    private ServiceRoute Route(string name, int service, Configuration configuration)
    {
        var shares = new double[_topology.Nodes.Count];
        _shares[service].Write(configuration, shares);
        var weights = _topology.Nodes.Zip(shares).ToDictionary(pair => pair.First, pair => pair.Second);
        var blocked = 0.0;
        for (var i = 0; i < _grid.Controls.Count; i++)
        {
            var value = _grid.Controls[i].Value(configuration.Levels[i]);
            switch (_grid.Controls[i].Target)
            {
                // The weight itself, not its share, so that it can be read back.
                case ControlTarget.RoutingWeight weight when weight.Service == service:
                    weights[_topology.Nodes[weight.Node]] = value;
                    break;
                case ControlTarget.BlockingRate blocking when blocking.Service == service:
                    blocked = value;
                    break;
                default:
                    break;
            }
        }
        return new ServiceRoute(name, weights, blocked);
    }

    private double? Value(int control, FrontConfiguration front, NodeState?[] nodes) =>
        _grid.Controls[control].Target switch
        {
            ControlTarget.RoutingWeight weight => RouteOf(front, weight.Service)
                .Weights.GetValueOrDefault(_topology.Nodes[weight.Node]),
            ControlTarget.BlockingRate blocking => RouteOf(front, blocking.Service).BlockingRate,
            ControlTarget.CpuCores cores => cores
                .Nodes.Select(node => nodes[node]?.CpuCores)
                .FirstOrDefault(c => c is not null),
            _ => null,
        };

    private ServiceRoute RouteOf(FrontConfiguration front, int service) =>
        front.Services.First(route => route.Name == _topology.Services[service]);

    /// <summary>The nearest level, within what the front can tell apart.</summary>
    private int Level(Control control, double value)
    {
        var level = (int)Math.Clamp(Math.Round((value - control.Lowest) / control.Step), 0, control.Levels - 1);
        var off = Math.Abs(control.Value(level) - value);
        var resolution = control.Target is ControlTarget.CpuCores ? 0 : _processes.Front.Resolution;
        return off <= resolution + (1e-5 * control.Step)
            ? level
            : throw new BadInputException(
                FormattableString.Invariant(
                    $"control {control.Name} is {value} on the testbed; expected a value of {control}: something else has set it"
                )
            );
    }

    private static async Task<T> OfFrontAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                if (TimeProvider.System.GetElapsedTime(began) > LongestAbsence)
                {
                    throw new BadInputException($"the front does not answer: {e.Message}", e);
                }
            }
            await Task.Delay(TimeSpan.FromSeconds(0.2), cancellationToken);
        }
    }
}
