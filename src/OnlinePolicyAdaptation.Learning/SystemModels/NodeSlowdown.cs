using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>
/// By how much each node has become slower for a service, relative to before, as far as measurements of some configurations
/// tell; and so by how much every configuration has that routes to it.
/// </summary>
/// <remarks>
/// Bayesian linear regression: the relative change of the response time is the sum of the nodes' slowdowns, weighted by the
/// share of requests that each gets, plus what is peculiar to the configuration, plus noise. A priori the slowdowns are
/// independent and normal around 0 with a standard deviation of 1: a node may well take twice as long. (C. M. Bishop,
/// Pattern Recognition and Machine Learning, 2006, section 3.3.) Immutable, thread-safe.
/// </remarks>
public sealed class NodeSlowdown
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

    private readonly RoutingShares _shares;
    private readonly double[] _means;
    private readonly double[,] _covariance;

    /// <summary>What is thought of a service before anything is measured: no change.</summary>
    public NodeSlowdown(ControlGrid grid, int service)
    {
        _shares = new(grid, service);
        _means = new double[_shares.Count];
        _covariance = new double[_shares.Count, _shares.Count];
        for (var node = 0; node < _shares.Count; node++)
        {
            _covariance[node, node] = 1;
        }
    }

    private NodeSlowdown(RoutingShares shares, double[] means, double[,] covariance)
    {
        _shares = shares;
        _means = means;
        _covariance = covariance;
    }

    /// <summary>
    /// The slowdown of every node, the mean of what is thought: nodes with a routing weight in the grid's order, then the
    /// node that gets the rest. 0.5: it takes half as long again as before.
    /// </summary>
    public EquatableArray<double> Means => _means.ToEquatableArray();

    /// <summary>What is thought after one more configuration was measured. The order of measurements does not matter.</summary>
    /// <param name="configuration">Not taken into account before.</param>
    /// <param name="change">By how much its response time has changed, relative to before: 0.5 is half as long again.</param>
    /// <param name="variance">Of this number, from noise; not negative.</param>
    public NodeSlowdown After(Configuration configuration, double change, double variance)
    {
        // A rank-one update of the normal distribution (Kalman, 1960).
        Span<double> shares = stackalloc double[_shares.Count];
        Span<double> gain = stackalloc double[_shares.Count];
        _shares.Write(configuration, shares);
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
        return new(_shares, means, covariance);
    }

    /// <summary>The factor by which a configuration's response time is expected to have changed, above 0.</summary>
    public double Factor(Configuration configuration)
    {
        Span<double> shares = stackalloc double[_shares.Count];
        _shares.Write(configuration, shares);
        return Math.Max(LeastFactor, 1 + Dot(shares, _means));
    }

    /// <summary>The standard deviation of that factor, from what is not known of the nodes.</summary>
    public double Deviation(Configuration configuration)
    {
        Span<double> shares = stackalloc double[_shares.Count];
        Span<double> product = stackalloc double[_shares.Count];
        _shares.Write(configuration, shares);
        Multiply(shares, product);
        return Math.Sqrt(Math.Max(0, Dot(shares, product)));
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
