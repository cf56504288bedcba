using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.Regression;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>
/// Response times as a random forest predicts them, times the factor by which nodes have become slower since its samples
/// were taken; with a spread.
/// </summary>
/// <remarks>Immutable, thread-safe.</remarks>
public sealed class CorrectedResponseTimes : IResponseTimeModel
{
    private readonly RandomForest _forest;
    private readonly NodeFactors[] _nodeFactors;
    private readonly FeatureLayout _layout;
    private readonly double[] _lowest;
    private readonly double[] _highest;
    private readonly double[] _noise;

    /// <param name="forest">Its features and targets are those of the layout; seconds.</param>
    /// <param name="nodeFactors">One per service, or none.</param>
    /// <param name="layout">The order of the features.</param>
    /// <param name="lowest">Seconds per service that no prediction is below.</param>
    /// <param name="highest">Seconds per service that no prediction is above.</param>
    /// <param name="noise">Standard deviation of a measurement per service, as a share of its mean.</param>
    /// <exception cref="ArgumentException">The forest has other features or targets.</exception>
    public CorrectedResponseTimes(
        RandomForest forest,
        ReadOnlySpan<NodeFactors> nodeFactors,
        FeatureLayout layout,
        ReadOnlySpan<double> lowest,
        ReadOnlySpan<double> highest,
        ReadOnlySpan<double> noise
    )
    {
        layout.Check(forest);
        _forest = forest;
        _nodeFactors = nodeFactors.ToArray();
        _layout = layout;
        _lowest = lowest.ToArray();
        _highest = highest.ToArray();
        _noise = noise.ToArray();
    }

    public void Predict(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> responseTimes)
    {
        Span<double> features = stackalloc double[_layout.Names.Count];
        _layout.Write(configuration, offeredLoads, features);
        _forest.Predict(features, responseTimes);
        Correct(configuration, responseTimes);
    }

    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes
    )
    {
        _forest.PredictRows(_layout.Rows(configurations, offeredLoads), responseTimes);
        for (var i = 0; i < configurations.Length; i++)
        {
            Correct(configurations[i], responseTimes.Slice(i * offeredLoads.Length, offeredLoads.Length));
        }
    }

    /// <remarks>The uncertainty is by how much the trees disagree, and what is not known of the nodes.</remarks>
    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes,
        Span<double> uncertainty,
        Span<double> noise
    )
    {
        var services = offeredLoads.Length;
        _forest.PredictRows(_layout.Rows(configurations, offeredLoads), responseTimes, uncertainty);
        for (var i = 0; i < configurations.Length; i++)
        {
            Correct(
                configurations[i],
                responseTimes.Slice(i * services, services),
                uncertainty.Slice(i * services, services),
                noise.Slice(i * services, services)
            );
        }
    }

    /// <summary>From what the forest says of a configuration to what is thought of it now.</summary>
    private void Correct(Configuration configuration, Span<double> responseTimes)
    {
        for (var service = 0; service < responseTimes.Length; service++)
        {
            responseTimes[service] = Bounded(service, responseTimes[service] * Factor(service, configuration));
        }
    }

    /// <summary>The same with the spreads; <paramref name="uncertainty"/> holds that of the trees.</summary>
    private void Correct(
        Configuration configuration,
        Span<double> responseTimes,
        Span<double> uncertainty,
        Span<double> noise
    )
    {
        for (var service = 0; service < responseTimes.Length; service++)
        {
            var trees = uncertainty[service] * Factor(service, configuration);
            var nodes =
                _nodeFactors.Length == 0 ? 0 : responseTimes[service] * _nodeFactors[service].Deviation(configuration);
            uncertainty[service] = Math.Sqrt((trees * trees) + (nodes * nodes));
        }
        Correct(configuration, responseTimes);
        for (var service = 0; service < responseTimes.Length; service++)
        {
            noise[service] = responseTimes[service] * _noise[service];
        }
    }

    private double Factor(int service, Configuration configuration) =>
        _nodeFactors.Length == 0 ? 1 : _nodeFactors[service].Factor(configuration);

    private double Bounded(int service, double seconds) => Math.Clamp(seconds, _lowest[service], _highest[service]);
}
