using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The unknown part of the dynamics: the mean response time of every service under a configuration and load.</summary>
/// <remarks>
/// A model says at least what it predicts of one configuration. Whatever else it can say it says in its own way: many
/// configurations at once, how certain it is, and, where a service depends on few controls, on which, so that such a service
/// can be asked for alone. Pure and thread-safe.
/// </remarks>
public interface IResponseTimeModel
{
    /// <param name="configuration">The configuration in force.</param>
    /// <param name="offeredLoads">One per service.</param>
    /// <param name="responseTimes">Receives one value per service, in seconds.</param>
    void Predict(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> responseTimes);

    /// <summary>
    /// The response times of many configurations under one load: the same bits as one by one. A model that gets there sooner
    /// does it in its own way.
    /// </summary>
    /// <param name="configurations">Those in question; none is fine.</param>
    /// <param name="offeredLoads">One per service.</param>
    /// <param name="responseTimes">Receives <c>[configurations, services]</c>, row by row, in seconds.</param>
    void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes
    )
    {
        var services = offeredLoads.Length;
        for (var i = 0; i < configurations.Length; i++)
        {
            Predict(configurations[i], offeredLoads, responseTimes.Slice(i * services, services));
        }
    }

    /// <summary>The response times of many configurations with their uncertainty; none, where the model knows of none.</summary>
    /// <param name="configurations">Those in question; none is fine.</param>
    /// <param name="offeredLoads">One per service.</param>
    /// <param name="responseTimes"><c>[configurations, services]</c>, row by row: receives the same as without uncertainty.</param>
    /// <param name="uncertainty">
    /// <c>[configurations, services]</c>: receives the standard deviation of each mean, in seconds. More measurements would
    /// lower it.
    /// </param>
    /// <param name="noise">
    /// <c>[configurations, services]</c>: receives the standard deviation of one measurement around its mean, in seconds.
    /// </param>
    void PredictAll(
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> responseTimes,
        Span<double> uncertainty,
        Span<double> noise
    )
    {
        PredictAll(configurations, offeredLoads, responseTimes);
        uncertainty.Clear();
        noise.Clear();
    }

    /// <summary>What the response time of a service depends on; null: it may be anything.</summary>
    ResponseTimeScope? ScopeOf(int service) => null;

    /// <summary>The response time of one service in seconds: the same bits as with all others.</summary>
    /// <param name="service">From 0.</param>
    /// <param name="levels">One per control; only those in the service's scope matter.</param>
    /// <param name="offeredLoads">One per service; only those in the service's scope matter.</param>
    double PredictService(int service, ReadOnlySpan<int> levels, ReadOnlySpan<RequestRate> offeredLoads)
    {
        var responseTimes = new double[offeredLoads.Length];
        Predict(new Configuration(levels.ToArray().ToEquatableArray()), offeredLoads, responseTimes);
        return responseTimes[service];
    }
}
