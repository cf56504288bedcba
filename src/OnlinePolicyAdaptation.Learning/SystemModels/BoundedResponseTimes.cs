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
    private readonly IResponseTimeModel _model;
    private readonly double _deviations;

    /// <param name="model">Means and their uncertainty.</param>
    /// <param name="deviations">Standard deviations from the mean to the bound; negative: the lower bound.</param>
    public BoundedResponseTimes(IResponseTimeModel model, double deviations)
    {
        _model = model;
        _deviations = deviations;
    }

    public void Predict(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> responseTimes)
    {
        Span<double> uncertainty = stackalloc double[responseTimes.Length];
        Span<double> noise = stackalloc double[responseTimes.Length];
        _model.PredictAll([configuration], offeredLoads, responseTimes, uncertainty, noise);
        Bound(responseTimes, uncertainty, noise);
    }

    public ResponseTimeScope? ScopeOf(int service) => _model.ScopeOf(service);

    public void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes
    )
    {
        var uncertainty = new double[responseTimes.Length];
        var noise = new double[responseTimes.Length];
        _model.PredictAll(configurations, offeredLoads, responseTimes, uncertainty, noise);
        Bound(responseTimes, uncertainty, noise);
    }

    /// <summary>Puts the bounds in the place of the means.</summary>
    private void Bound(Span<double> responseTimes, ReadOnlySpan<double> uncertainty, ReadOnlySpan<double> noise)
    {
        for (var i = 0; i < responseTimes.Length; i++)
        {
            var spread =
                _deviations < 0 ? uncertainty[i] : Math.Sqrt((uncertainty[i] * uncertainty[i]) + (noise[i] * noise[i]));
            responseTimes[i] = Math.Max(0, responseTimes[i] + (_deviations * spread));
        }
    }
}
