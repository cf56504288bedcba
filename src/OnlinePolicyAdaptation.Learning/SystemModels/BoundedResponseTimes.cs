using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>A bound of the response times instead of their means: to plan optimistically or cautiously.</summary>
/// <remarks>
/// An optimist takes the lower bound of the mean: a configuration that is not known well may turn out good, and is tried.
/// A cautious planner takes the upper bound of a measurement, noise included: a configuration is good that keeps its
/// objective in most intervals, not on average.
/// </remarks>
public sealed class BoundedResponseTimes : IResponseTimeModel
{
    private readonly CorrectedResponseTimes _model;
    private readonly double _deviations;

    /// <param name="model">Means and spreads.</param>
    /// <param name="deviations">Standard deviations from the mean to the bound; negative: the lower bound.</param>
    public BoundedResponseTimes(CorrectedResponseTimes model, double deviations)
    {
        _model = model;
        _deviations = deviations;
    }

    public void Predict(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> responseTimes)
    {
        Span<double> uncertainty = stackalloc double[responseTimes.Length];
        Span<double> noise = stackalloc double[responseTimes.Length];
        _model.Predict(configuration, offeredLoads, responseTimes, uncertainty, noise);
        for (var service = 0; service < responseTimes.Length; service++)
        {
            var spread =
                _deviations < 0
                    ? uncertainty[service]
                    : Math.Sqrt((uncertainty[service] * uncertainty[service]) + (noise[service] * noise[service]));
            responseTimes[service] = Math.Max(0, responseTimes[service] + (_deviations * spread));
        }
    }
}
