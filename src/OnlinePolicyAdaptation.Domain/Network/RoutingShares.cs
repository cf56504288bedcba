namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>Which share of a service's requests each node gets under a configuration.</summary>
/// <remarks>
/// A node with a weight gets that share; the nodes without one divide equally what is left. Where nothing is left for
/// them, or no node is without a weight, the weights are normalised to sum to 1. Where every weight is zero and no node
/// is without one, all nodes get the same share. Immutable, thread-safe.
/// </remarks>
public sealed class RoutingShares
{
    private readonly ControlGrid _grid;
    private readonly int?[] _weights;

    /// <param name="grid">The controls, some of which may be routing weights.</param>
    /// <param name="service">The service whose weights count, from 0.</param>
    /// <param name="nodes">The number of nodes, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The service has a weight for a node beyond these.</exception>
    public RoutingShares(ControlGrid grid, int service, int nodes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(nodes, 1);
        _grid = grid;
        _weights = new int?[nodes];
        for (var i = 0; i < grid.Controls.Count; i++)
        {
            if (grid.Controls[i].Target is ControlTarget.RoutingWeight weight && weight.Service == service)
            {
                if ((uint)weight.Node >= nodes)
                {
                    throw new ArgumentOutOfRangeException(
                        nameof(nodes),
                        $"control {grid.Controls[i].Name} is for node {weight.Node}; there are {nodes} nodes"
                    );
                }
                _weights[weight.Node] = i;
            }
        }
    }

    /// <summary>The number of nodes, at least 1.</summary>
    public int Nodes => _weights.Length;

    /// <summary>Whether a control sets the node's weight.</summary>
    public bool IsWeighted(int node) => _weights[node] is not null;

    /// <summary>Writes the share of every node.</summary>
    /// <param name="configuration">On the grid.</param>
    /// <param name="shares">Receives one share per node, in [0, 1], summing to 1 up to rounding.</param>
    public void Write(Configuration configuration, Span<double> shares)
    {
        Span<double?> weights = stackalloc double?[_weights.Length];
        for (var node = 0; node < weights.Length; node++)
        {
            weights[node] = _weights[node] is { } i ? _grid.Controls[i].Value(configuration.Levels[i]) : null;
        }
        Compute(weights, shares);
    }

    /// <param name="weights">One per node, at least one node, not negative; null where no control sets it.</param>
    /// <param name="shares">Receives one share per node, in [0, 1], summing to 1 up to rounding.</param>
    public static void Compute(ReadOnlySpan<double?> weights, Span<double> shares)
    {
        var given = 0.0;
        var free = 0;
        foreach (var weight in weights)
        {
            given += weight ?? 0;
            free += weight is null ? 1 : 0;
        }
        var isDividedAsGiven = free > 0 && given <= 1;
        var rest = isDividedAsGiven ? (1 - given) / free : 0;
        var scale = isDividedAsGiven ? 1 : given;
        for (var node = 0; node < weights.Length; node++)
        {
            shares[node] = scale > 0 ? (weights[node] / scale) ?? rest : 1.0 / weights.Length;
        }
    }
}
