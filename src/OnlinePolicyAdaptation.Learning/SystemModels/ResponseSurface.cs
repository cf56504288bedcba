using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.Regression;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>
/// The response times of the reference system, by forest, and the law by which they change when nodes become slower.
/// </summary>
/// <remarks>
/// A node slower by g works as if it had g times the load and every request took g times as long: T(g, load) = g m(g load), with m
/// the surface, interpolated in ln m between the loads that are multiples of the present one and were measured. Where there
/// are none, a request takes g times as long and that is all. Immutable, thread-safe.
/// </remarks>
public sealed class ResponseSurface
{
    /// <summary>The law's error per unit of distance, with loads to interpolate between and without.</summary>
    private const double LawError = 0.12;
    private const double PlainError = 0.25;

    /// <summary>How far, in logarithms, the law is followed.</summary>
    private const double HighestLog = 4;

    /// <summary>Loads that differ by less, relatively, are one.</summary>
    private const double SameLoad = 0.01;

    /// <summary>No response time is thought to be below this, in seconds: logarithms are taken.</summary>
    private const double Shortest = 1e-6;

    private readonly RandomForest _forest;
    private readonly RoutingShares[] _routing;
    private readonly double[][] _loads;

    /// <param name="forest">Its features and targets are those of the layout; seconds.</param>
    /// <param name="layout">The order of the features.</param>
    /// <param name="loads">The loads that the forest's samples were measured at, one per service each.</param>
    public ResponseSurface(RandomForest forest, FeatureLayout layout, IEnumerable<double[]> loads)
    {
        layout.Check(forest);
        _forest = forest;
        Layout = layout;
        _loads = [.. loads];
        _routing =
        [
            .. Enumerable
                .Range(0, layout.Services)
                .Select(service => new RoutingShares(layout.Grid, service, Math.Max(1, layout.Grid.Nodes))),
        ];
    }

    public FeatureLayout Layout { get; }

    public int Nodes => Math.Max(1, Layout.Grid.Nodes);

    /// <summary>The share of a service's requests that each node gets.</summary>
    public double[] Shares(Configuration configuration, int service)
    {
        var shares = new double[Nodes];
        _routing[service].Write(configuration, shares);
        return shares;
    }

    /// <summary>What the surface says of some configurations under one load.</summary>
    public SurfaceCurves Curves(ReadOnlySpan<Configuration> configurations, ReadOnlySpan<RequestRate> offeredLoads)
    {
        var services = Layout.Services;
        var multiples = Multiples(offeredLoads);
        var seconds = new double[multiples.Length][];
        var deviations = new double[configurations.Length * services];
        var here = Array.IndexOf(multiples, 1.0);
        Span<RequestRate> loads = stackalloc RequestRate[services];
        for (var m = 0; m < multiples.Length; m++)
        {
            for (var service = 0; service < services; service++)
            {
                loads[service] = new(multiples[m] * offeredLoads[service].PerSecond);
            }
            seconds[m] = new double[configurations.Length * services];
            var rows = Layout.Rows(configurations, loads);
            if (m == here)
            {
                _forest.PredictRows(rows, seconds[m], deviations);
            }
            else
            {
                _forest.PredictRows(rows, seconds[m]);
            }
        }
        var reference = new double[configurations.Length * services];
        var laws = new double[configurations.Length * services * FactorGrid.Points];
        Span<double> logs = stackalloc double[multiples.Length];
        for (var i = 0; i < reference.Length; i++)
        {
            for (var m = 0; m < multiples.Length; m++)
            {
                logs[m] = Math.Log(Math.Max(Shortest, seconds[m][i]));
            }
            reference[i] = logs[here];
            deviations[i] /= Math.Max(Shortest, seconds[here][i]);
            WriteLaw(multiples, logs, here, laws.AsSpan(i * FactorGrid.Points, FactorGrid.Points));
        }
        return new(services, reference, deviations, laws, multiples.Length > 1 ? LawError : PlainError);
    }

    /// <summary>What the measured loads are multiples of the present one by, ascending; 1 is among them.</summary>
    private double[] Multiples(ReadOnlySpan<RequestRate> offeredLoads)
    {
        var multiples = new SortedSet<double> { 1 };
        foreach (var load in _loads)
        {
            if (MultipleOf(load, offeredLoads) is { } multiple && Math.Abs(multiple - 1) > SameLoad)
            {
                multiples.Add(multiple);
            }
        }
        return [.. multiples];
    }

    private static double? MultipleOf(double[] load, ReadOnlySpan<RequestRate> offeredLoads)
    {
        double own = 0,
            other = 0;
        for (var service = 0; service < load.Length; service++)
        {
            own += offeredLoads[service].PerSecond;
            other += load[service];
        }
        if (own <= 0 || other <= 0)
        {
            return null;
        }
        var multiple = other / own;
        for (var service = 0; service < load.Length; service++)
        {
            if (Math.Abs(load[service] - (multiple * offeredLoads[service].PerSecond)) > SameLoad * other)
            {
                return null;
            }
        }
        return multiple;
    }

    private static void WriteLaw(ReadOnlySpan<double> multiples, ReadOnlySpan<double> logs, int here, Span<double> law)
    {
        var segment = 0;
        for (var i = 0; i < law.Length; i++)
        {
            var log = FactorGrid.Log(i);
            law[i] = log;
            if (multiples.Length > 1)
            {
                var multiple = Math.Exp(log);
                while (segment < multiples.Length - 2 && multiple > multiples[segment + 1])
                {
                    segment++;
                }
                // More load is never thought to make a service faster.
                var width = multiples[segment + 1] - multiples[segment];
                var slope = Math.Max(0, (logs[segment + 1] - logs[segment]) / width);
                var from = multiple < 1 ? Math.Min(segment, here) : segment;
                law[i] += logs[from] - logs[here] + (slope * (multiple - multiples[from]));
            }
            law[i] = Math.Min(HighestLog, i > 0 ? Math.Max(law[i - 1], law[i]) : law[i]);
        }
    }
}

/// <summary>The surface at some configurations under one load, row by row: configurations, then services.</summary>
public sealed class SurfaceCurves
{
    private readonly int _services;
    private readonly double[] _reference;
    private readonly double[] _deviations;
    private readonly double[] _laws;

    internal SurfaceCurves(int services, double[] reference, double[] deviations, double[] laws, double lawError)
    {
        _services = services;
        _reference = reference;
        _deviations = deviations;
        _laws = laws;
        LawError = lawError;
    }

    /// <summary>The law's error per unit of distance.</summary>
    public double LawError { get; }

    /// <summary>Logarithm of the reference system's response time in seconds.</summary>
    public double Reference(int configuration, int service) => _reference[(configuration * _services) + service];

    /// <summary>By how much the trees disagree about it, as a share.</summary>
    public double Deviation(int configuration, int service) => _deviations[(configuration * _services) + service];

    /// <summary>Logarithm of what a node with each factor of the grid makes of it; ascending.</summary>
    public ReadOnlySpan<double> Law(int configuration, int service) =>
        _laws.AsSpan(((configuration * _services) + service) * FactorGrid.Points, FactorGrid.Points);

    /// <summary>Logarithm of what nodes with these factors make of it.</summary>
    /// <param name="configuration">Its place.</param>
    /// <param name="service">From 0.</param>
    /// <param name="shares">Of each node.</param>
    /// <param name="logFactors">The logarithm of each node's factor; none: all are 1.</param>
    public double LogRatio(int configuration, int service, ReadOnlySpan<double> shares, ReadOnlySpan<double> logFactors)
    {
        if (logFactors.IsEmpty)
        {
            return 0;
        }
        var law = Law(configuration, service);
        var sum = 0.0;
        for (var node = 0; node < shares.Length; node++)
        {
            sum += shares[node] * Math.Exp(FactorGrid.At(law, logFactors[node]));
        }
        return Math.Log(sum);
    }
}
