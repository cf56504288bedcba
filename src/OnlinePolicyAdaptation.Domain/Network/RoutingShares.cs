namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>How routing weights divide the requests of one service between the nodes.</summary>
/// <remarks>
/// A node with a weight gets that share; the nodes without one divide equally what is left. Where nothing is left for
/// them, or no node is without a weight, the weights are normalised to sum to 1. Where every weight is zero and no node
/// is without one, all nodes get the same share.
/// </remarks>
public static class RoutingShares
{
    /// <param name="weights">One per node, at least one node; null where no control sets the node's weight.</param>
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
