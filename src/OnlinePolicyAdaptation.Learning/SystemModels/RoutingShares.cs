using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>Which share of a service's requests each node gets.</summary>
/// <remarks>
/// A node for every routing weight of the service, in the grid's order, and one that gets what these leave. A service
/// without a routing weight has this one node alone.
/// </remarks>
internal sealed class RoutingShares
{
    private readonly ControlGrid _grid;
    private readonly int[] _weights;

    public RoutingShares(ControlGrid grid, int service)
    {
        _grid = grid;
        _weights =
        [
            .. Enumerable
                .Range(0, grid.Controls.Count)
                .Where(i => grid.Controls[i].Target is ControlTarget.RoutingWeight weight && weight.Service == service),
        ];
    }

    /// <summary>Number of nodes, at least 1.</summary>
    public int Count => _weights.Length + 1;

    /// <summary>Writes the share of every node, from 0 to 1.</summary>
    public void Write(Configuration configuration, Span<double> shares)
    {
        var rest = 1.0;
        for (var i = 0; i < _weights.Length; i++)
        {
            shares[i] = _grid.Controls[_weights[i]].Value(configuration.Levels[_weights[i]]);
            rest -= shares[i];
        }
        shares[_weights.Length] = Math.Max(0, rest);
    }
}
