using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>A front's configuration, made ready for drawing. Immutable.</summary>
internal sealed class RoutingTable
{
    private sealed record Row(string[] Nodes, double[] Cumulative, double BlockingRate);

    private readonly Dictionary<string, Row> _rows;

    public RoutingTable(FrontConfiguration configuration, IReadOnlyList<string> nodes)
    {
        Configuration = configuration;
        _rows = configuration.Services.ToDictionary(
            route => route.Name,
            route => new Row([.. nodes], Cumulative(route, nodes), route.BlockingRate)
        );
    }

    public FrontConfiguration Configuration { get; }

    public bool Blocks(string service, RandomKey request) =>
        request.Split(0).Sequence().NextDouble() < _rows[service].BlockingRate;

    /// <summary>The name of the node that a request goes to.</summary>
    public string Node(string service, RandomKey request)
    {
        var row = _rows[service];
        var drawn = request.Split(1).Sequence().NextDouble() * row.Cumulative[^1];
        var node = 0;
        while (node < row.Nodes.Length - 1 && drawn >= row.Cumulative[node])
        {
            node++;
        }
        return row.Nodes[node];
    }

    private static double[] Cumulative(ServiceRoute route, IReadOnlyList<string> nodes)
    {
        var weights = nodes.Select(node => route.Weights.GetValueOrDefault(node)).ToArray();
        if (weights.All(weight => weight == 0))
        {
            Array.Fill(weights, 1);
        }
        for (var node = 1; node < weights.Length; node++)
        {
            weights[node] += weights[node - 1];
        }
        return weights;
    }
}
