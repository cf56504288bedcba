using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>The controls and services that a service's response time depends on, as features of its own.</summary>
internal sealed record Neighbourhood(ResponseTimeScope Scope)
{
    private EquatableArray<int> Controls => Scope.Controls;

    private EquatableArray<int> Services => Scope.Services;

    public int FeatureCount => Controls.Count + Services.Count;

    /// <summary>The neighbourhood of every service. A service without a routing weight is on no node.</summary>
    /// <remarks>A service that leaves the rest of its requests to a node needs a weight for that node to be seen there.</remarks>
    public static Neighbourhood[] OfAll(ControlGrid grid, int services)
    {
        var nodesOf = Enumerable.Range(0, services).Select(_ => new SortedSet<int>()).ToArray();
        var servicesOn = new Dictionary<int, SortedSet<int>>();
        foreach (var target in grid.Controls.Select(control => control.Target).OfType<ControlTarget.RoutingWeight>())
        {
            nodesOf[target.Service].Add(target.Node);
            servicesOn.TryAdd(target.Node, []);
            servicesOn[target.Node].Add(target.Service);
        }
        var controlsOfNode = Index(grid, target => target is ControlTarget.CpuCores cores ? cores.Nodes : []);
        var controlsOfService = Index(
            grid,
            target =>
                target switch
                {
                    ControlTarget.RoutingWeight weight => [weight.Service],
                    ControlTarget.BlockingRate blocking => [blocking.Service],
                    _ => [],
                }
        );
        return
        [
            .. nodesOf.Select(
                (nodes, service) =>
                {
                    var neighbours = new SortedSet<int>(nodes.SelectMany(node => servicesOn[node])) { service };
                    var controls = new SortedSet<int>([
                        .. nodes.SelectMany(node => controlsOfNode[node]),
                        .. neighbours.SelectMany(neighbour => controlsOfService[neighbour]),
                    ]);
                    return new Neighbourhood(
                        new ResponseTimeScope(controls.ToEquatableArray(), neighbours.ToEquatableArray())
                    );
                }
            ),
        ];
    }

    public string[] Names(ControlGrid grid) =>
        [.. Controls.Select(control => grid.Controls[control].Name), .. Services.Select(service => $"l{service + 1}")];

    /// <summary>Writes the features: the controls' values, then the loads.</summary>
    public void Write(
        ControlGrid grid,
        ReadOnlySpan<int> levels,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> features
    )
    {
        for (var i = 0; i < Controls.Count; i++)
        {
            features[i] = grid.Controls[Controls[i]].Value(levels[Controls[i]]);
        }
        for (var i = 0; i < Services.Count; i++)
        {
            features[Controls.Count + i] = offeredLoads[Services[i]].PerSecond;
        }
    }

    private static ILookup<int, int> Index(ControlGrid grid, Func<ControlTarget, IEnumerable<int>> touched) =>
        grid
            .Controls.SelectMany((control, i) => touched(control.Target).Select(key => (Key: key, Control: i)))
            .ToLookup(pair => pair.Key, pair => pair.Control);
}
