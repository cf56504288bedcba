using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>What was measured of one configuration under one load, as far as it corrects the surface.</summary>
/// <param name="Anchors">Of each service.</param>
/// <param name="Noise">Of each service, the standard deviation of a measurement in logarithms.</param>
public sealed record CellKnowledge(LawAnchor[][] Anchors, double[] Noise);

/// <summary>
/// Response times as the surface of the reference system has them, times what the nodes' present factors make of them, corrected
/// by what each configuration has shown before; and the reward to expect over the noise and over what is not known.
/// </summary>
/// <remarks>
/// What is thought of the nodes is drawn from a few times, evenly over its quantiles, the same for all configurations; the
/// noise is log-normal and taken into account exactly. Immutable, thread-safe.
/// </remarks>
public sealed class FactoredResponseTimes : IExpectedRewards
{
    /// <summary>Draws of the nodes' factors.</summary>
    private const int Draws = 16;

    /// <summary>The surface itself, in a configuration that was never measured: its standard deviation, in logarithms, at the least.</summary>
    private const double SurfaceDeviation = 0.1;

    /// <summary>Uncertainty, in logarithms, is not thought to be larger.</summary>
    private const double LargestVariance = 0.5;

    private readonly ResponseSurface _surface;
    private readonly NodeFactorFilter _filter;
    private readonly IReadOnlyDictionary<(Configuration, EquatableArray<RequestRate>), CellKnowledge> _cells;
    private readonly ResidualNoise[] _noise;
    private readonly double _optimism;
    private readonly double[] _medians;
    private readonly int[][] _draws;
    private readonly double[] _weights;

    /// <param name="surface">Of the reference system.</param>
    /// <param name="filter">What is thought of the nodes now.</param>
    /// <param name="cells">What was measured, by configuration and load.</param>
    /// <param name="noise">Of each service, the usual noise of a measurement.</param>
    public FactoredResponseTimes(
        ResponseSurface surface,
        NodeFactorFilter filter,
        IReadOnlyDictionary<(Configuration, EquatableArray<RequestRate>), CellKnowledge> cells,
        ResidualNoise[] noise
    )
        : this(surface, filter, cells, noise, 0) { }

    private FactoredResponseTimes(
        ResponseSurface surface,
        NodeFactorFilter filter,
        IReadOnlyDictionary<(Configuration, EquatableArray<RequestRate>), CellKnowledge> cells,
        ResidualNoise[] noise,
        double optimism
    )
    {
        _surface = surface;
        _filter = filter;
        _cells = cells;
        _noise = noise;
        _optimism = optimism;
        _medians = [.. Enumerable.Range(0, filter.Nodes).Select(filter.Median)];
        var draws = filter.Draws(Draws);
        _draws = [.. draws.Keys.Select(draw => draw.ToArray())];
        _weights = [.. draws.Values];
    }

    public ResponseSurface Surface => _surface;

    /// <summary>
    /// The same, planned with so many standard deviations below (or above, where negative) what configurations are expected
    /// to take: what is not known well is tried, or avoided.
    /// </summary>
    public FactoredResponseTimes WithOptimism(double deviations) => new(_surface, _filter, _cells, _noise, deviations);

    /// <summary>The same, if a node had the factor of this point of the grid for certain.</summary>
    public FactoredResponseTimes Assuming(int node, int point) =>
        new(_surface, _filter.Assuming(node, point), _cells, _noise, _optimism);

    public void Predict(
        Configuration configuration,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes
    ) => PredictAll([configuration], offeredLoads, responseTimes);

    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes
    )
    {
        var services = offeredLoads.Length;
        PredictAll(
            configurations,
            offeredLoads,
            responseTimes,
            new double[configurations.Length * services],
            new double[configurations.Length * services]
        );
    }

    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes,
        Span<double> uncertainty,
        Span<double> noise
    )
    {
        var services = offeredLoads.Length;
        var curves = _surface.Curves(configurations, offeredLoads);
        var loads = EquatableArray.Create(offeredLoads);
        for (var c = 0; c < configurations.Length; c++)
        {
            var cell = CellOf(configurations[c], loads);
            for (var service = 0; service < services; service++)
            {
                var place = new Place(this, curves, cell, configurations[c], c, service);
                var (mean, variance) = place.At(curves.LogRatio(c, service, place.Shares, _medians));
                double sum = 0,
                    square = 0;
                for (var d = 0; d < _draws.Length; d++)
                {
                    var log = place.At(place.LogRatio(_draws[d])).Mean - mean;
                    sum += _weights[d] * log;
                    square += _weights[d] * log * log;
                }
                var i = (c * services) + service;
                responseTimes[i] = Math.Exp(mean);
                uncertainty[i] =
                    responseTimes[i]
                    * Math.Sqrt(Math.Min(LargestVariance, variance + Math.Max(0, square - (sum * sum))));
                noise[i] = responseTimes[i] * place.Noise;
            }
        }
    }

    /// <summary>What an update of the filter is told of a measurement, services that answered nothing being left out.</summary>
    /// <param name="configuration">In force.</param>
    /// <param name="offeredLoads">As cells are told apart by.</param>
    /// <param name="seconds">Measured.</param>
    public IReadOnlyList<FactorObservation> Observe(
        Configuration configuration,
        EquatableArray<RequestRate> offeredLoads,
        ReadOnlySpan<double> seconds
    )
    {
        var curves = _surface.Curves([configuration], offeredLoads.AsSpan());
        var cell = CellOf(configuration, offeredLoads);
        var observations = new List<FactorObservation>(seconds.Length);
        for (var service = 0; service < seconds.Length; service++)
        {
            if (seconds[service] > 0)
            {
                var place = new Place(this, curves, cell, configuration, 0, service);
                observations.Add(
                    new()
                    {
                        Service = service,
                        LogRatio = Math.Log(seconds[service]) - curves.Reference(0, service),
                        Shares = place.Shares,
                        Law = curves.Law(0, service).ToArray(),
                        LawError = curves.LawError,
                        Prior = place.Prior,
                        Anchors = cell?.Anchors[service] ?? [],
                        Noise = place.Noise,
                        Correlation = _noise[service].Correlation,
                    }
                );
            }
        }
        return observations;
    }

    public void ExpectedArrivals(
        RewardFunction reward,
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> arrivals
    )
    {
        var services = offeredLoads.Length;
        var curves = _surface.Curves(configurations, offeredLoads);
        var loads = EquatableArray.Create(offeredLoads);
        var places = new Place[services];
        for (var c = 0; c < configurations.Length; c++)
        {
            var cell = CellOf(configurations[c], loads);
            for (var service = 0; service < services; service++)
            {
                places[service] = new Place(this, curves, cell, configurations[c], c, service);
            }
            double kept = 0,
                missed = 0;
            for (var d = 0; d < _draws.Length; d++)
            {
                var all = 1.0;
                for (var service = 0; service < services; service++)
                {
                    var logRatio = places[service].LogRatio(_draws[d]);
                    var (mean, variance) = places[service].At(logRatio);
                    var noise = places[service].NoiseVariance(logRatio);
                    var deviation = Math.Sqrt(noise + Math.Min(LargestVariance, variance));
                    mean -= _optimism * Math.Sqrt(Math.Min(LargestVariance, variance));
                    var (within, excess) = Outcome(reward, service, mean, deviation);
                    all *= within;
                    missed += _weights[d] * excess;
                }
                kept += _weights[d] * all;
            }
            arrivals[c] = reward.ExpectedArrival(configurations[c], kept, missed);
        }
    }

    /// <summary>The probability that a log-normal response time keeps its objective, and the seconds it exceeds it by, on average.</summary>
    private static (double Within, double Excess) Outcome(
        RewardFunction reward,
        int service,
        double mean,
        double deviation
    )
    {
        var bound = reward.Objectives[service].Bound.Seconds;
        var slack = reward.Decimals is { } decimals ? 0.5 * Math.Pow(10, -decimals) : 0;
        var z = (Math.Log(bound + slack) - mean) / deviation;
        var within = Phi(z);
        var above = Math.Exp(mean + (0.5 * deviation * deviation)) * Phi(deviation - z);
        return (within, Math.Max(0, above - (bound * (1 - within))));
    }

    /// <summary>The standard normal distribution function, to 1e-7. (M. Abramowitz and I. A. Stegun, 26.2.17.)</summary>
    private static double Phi(double z)
    {
        var t = 1 / (1 + (0.2316419 * Math.Abs(z)));
        var series =
            t * (0.319381530 + (t * (-0.356563782 + (t * (1.781477937 + (t * (-1.821255978 + (t * 1.330274429))))))));
        var tail = Math.Exp(-0.5 * z * z) / Math.Sqrt(2 * Math.PI) * series;
        return z > 0 ? 1 - tail : tail;
    }

    private CellKnowledge? CellOf(Configuration configuration, EquatableArray<RequestRate> loads) =>
        _cells.TryGetValue((configuration, loads), out var cell) ? cell : null;

    /// <summary>One service in one configuration.</summary>
    private readonly struct Place
    {
        private readonly SurfaceCurves _curves;
        private readonly LawAnchor[] _anchors;
        private readonly int _configuration;
        private readonly int _service;

        public Place(
            FactoredResponseTimes model,
            SurfaceCurves curves,
            CellKnowledge? cell,
            Configuration configuration,
            int index,
            int service
        )
        {
            _curves = curves;
            _configuration = index;
            _service = service;
            _anchors = cell?.Anchors[service] ?? [];
            Noise = cell?.Noise[service] ?? model._noise[service].Deviation;
            var trees = curves.Deviation(index, service);
            Prior = (SurfaceDeviation * SurfaceDeviation) + (trees * trees);
            Shares = model._surface.Shares(configuration, service);
        }

        public double[] Shares { get; }

        /// <summary>Standard deviation of a measurement, in logarithms.</summary>
        public double Noise { get; }

        /// <summary>Variance of the surface where it is not measured, in logarithms.</summary>
        public double Prior { get; }

        /// <summary>Logarithm of what a draw of the nodes' factors makes of the response time.</summary>
        public double LogRatio(int[] draw)
        {
            var law = _curves.Law(_configuration, _service);
            var sum = 0.0;
            for (var node = 0; node < draw.Length; node++)
            {
                sum += Shares[node] * Math.Exp(law[draw[node]]);
            }
            return Math.Log(sum);
        }

        /// <summary>Mean logarithm of the response time, and its variance, where the factors make this of it.</summary>
        public (double Mean, double Variance) At(double logRatio)
        {
            var (shift, variance) = LawCorrection.At(_anchors, Noise, Prior, _curves.LawError, logRatio);
            return (_curves.Reference(_configuration, _service) + logRatio + shift, variance);
        }

        public double NoiseVariance(double logRatio) => Noise * Noise * Math.Clamp(Math.Exp(logRatio), 1, 4);
    }
}
