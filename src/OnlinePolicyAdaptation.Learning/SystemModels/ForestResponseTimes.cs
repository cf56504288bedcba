using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.Regression;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>Response times as a random forest predicts them from configuration and load.</summary>
public sealed class ForestResponseTimes : IResponseTimeModel
{
    private readonly RandomForest _forest;
    private readonly FeatureLayout _layout;

    /// <param name="forest">Its features and targets are those of the layout.</param>
    /// <param name="layout">The order of the features.</param>
    public ForestResponseTimes(RandomForest forest, FeatureLayout layout)
    {
        layout.Check(forest);
        _forest = forest;
        _layout = layout;
    }

    public void Predict(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> responseTimes)
    {
        Span<double> features = stackalloc double[_layout.Names.Count];
        _layout.Write(configuration, offeredLoads, features);
        _forest.Predict(features, responseTimes);
    }

    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes
    ) => _forest.PredictRows(_layout.Rows(configurations, offeredLoads), responseTimes);

    /// <remarks>The uncertainty is by how much the trees disagree; of the noise nothing is known.</remarks>
    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes,
        Span<double> uncertainty,
        Span<double> noise
    )
    {
        _forest.PredictRows(_layout.Rows(configurations, offeredLoads), responseTimes, uncertainty);
        noise.Clear();
    }
}
