using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>
/// By how much each node has become slower for a service, relative to before, as far as measurements of some configurations
/// tell; and so by how much every configuration has that routes to it.
/// </summary>
/// <remarks>
/// Bayesian linear regression: the relative change of the response time is the sum of the nodes' changes, weighted by the
/// share of requests that each gets, plus what is peculiar to the configuration, plus noise. A priori these are
/// independent and normal around 0 with a standard deviation of 1: a node may well take twice as long. (C. M. Bishop,
/// Pattern Recognition and Machine Learning, 2006, section 3.3.) Immutable, thread-safe.
/// </remarks>
public sealed class NodeFactors
{
    /// <summary>
    /// The standard deviation of what is peculiar to a configuration, as a share of the change measured there: where nothing
    /// has changed, there is nothing peculiar about it.
    /// </summary>
    private const double Peculiarity = 0.3;

    /// <summary>The standard deviation of what is peculiar to a configuration in any case.</summary>
    private const double LeastPeculiarity = 0.05;

    /// <summary>No response time is thought to fall below this share of what it was.</summary>
    private const double LeastFactor = 0.1;

    private readonly RoutingShares _routing;

    /// <summary>Nodes with a routing weight, in the grid's order.</summary>
    private readonly int[] _weighted;
    private readonly double[] _means;
    private readonly double[,] _covariance;

    /// <summary>What is thought of a service before anything is measured: no change.</summary>
    public NodeFactors(ControlGrid grid, int service)
    {
        _routing = new(grid, service, grid.Nodes);
        _weighted =
        [
            .. grid
                .Controls.Select(control => control.Target)
                .OfType<ControlTarget.RoutingWeight>()
                .Where(weight => weight.Service == service)
                .Select(weight => weight.Node),
        ];
        var count = _weighted.Length + (_weighted.Length < grid.Nodes ? 1 : 0);
        _means = new double[count];
        _covariance = new double[count, count];
        for (var node = 0; node < count; node++)
        {
            _covariance[node, node] = 1;
        }
    }

    private NodeFactors(NodeFactors before, double[] means, double[,] covariance)
    {
        _routing = before._routing;
        _weighted = before._weighted;
        _means = means;
        _covariance = covariance;
    }

    /// <summary>
    /// The change of every node, the mean of what is thought: nodes with a routing weight in the grid's order, then the
    /// nodes that divide the rest, taken for one; where all nodes have a weight there is no rest. 0.5: it takes half as
    /// long again as before.
    /// </summary>
    public EquatableArray<double> Means => _means.ToEquatableArray();

    /// <summary>What is thought after one more configuration was measured. The order of measurements does not matter.</summary>
    /// <param name="configuration">Not taken into account before.</param>
    /// <param name="change">By how much its response time has changed, relative to before: 0.5 is half as long again.</param>
    /// <param name="variance">Of this number, from noise; not negative.</param>
    public NodeFactors After(Configuration configuration, double change, double variance)
    {
        // A rank-one update of the normal distribution (Kalman, 1960).
        Span<double> shares = stackalloc double[_means.Length];
        Span<double> gain = stackalloc double[_means.Length];
        WriteShares(configuration, shares);
        Multiply(shares, gain);
        var peculiar = Math.Max(LeastPeculiarity, Peculiarity * Math.Abs(change));
        var total = Dot(shares, gain) + variance + (peculiar * peculiar);
        var surprise = change - Dot(shares, _means);
        var means = new double[_means.Length];
        var covariance = new double[_means.Length, _means.Length];
        for (var i = 0; i < means.Length; i++)
        {
            means[i] = _means[i] + (gain[i] * surprise / total);
            for (var j = 0; j < means.Length; j++)
            {
                covariance[i, j] = _covariance[i, j] - (gain[i] * gain[j] / total);
            }
        }
        return new(this, means, covariance);
    }

    /// <summary>The factor by which a configuration's response time is expected to have changed, above 0.</summary>
    public double Factor(Configuration configuration)
    {
        Span<double> shares = stackalloc double[_means.Length];
        WriteShares(configuration, shares);
        return Math.Max(LeastFactor, 1 + Dot(shares, _means));
    }

    /// <summary>The standard deviation of that factor, from what is not known of the nodes.</summary>
    public double Deviation(Configuration configuration)
    {
        Span<double> shares = stackalloc double[_means.Length];
        Span<double> product = stackalloc double[_means.Length];
        WriteShares(configuration, shares);
        Multiply(shares, product);
        return Math.Sqrt(Math.Max(0, Dot(shares, product)));
    }

    /// <summary>The shares of the nodes with a weight, then the rest.</summary>
    private void WriteShares(Configuration configuration, Span<double> shares)
    {
        Span<double> all = stackalloc double[_routing.Nodes];
        _routing.Write(configuration, all);
        for (var i = 0; i < _weighted.Length; i++)
        {
            shares[i] = all[_weighted[i]];
        }
        if (shares.Length > _weighted.Length)
        {
            var rest = 0.0;
            for (var node = 0; node < all.Length; node++)
            {
                rest += _routing.IsWeighted(node) ? 0 : all[node];
            }
            shares[_weighted.Length] = rest;
        }
    }

    private void Multiply(ReadOnlySpan<double> vector, Span<double> product)
    {
        for (var i = 0; i < product.Length; i++)
        {
            product[i] = 0;
            for (var j = 0; j < vector.Length; j++)
            {
                product[i] += _covariance[i, j] * vector[j];
            }
        }
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
