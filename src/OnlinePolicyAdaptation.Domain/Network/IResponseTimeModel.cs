namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The unknown part of the dynamics: the mean response time of every service under a configuration and load.</summary>
/// <remarks>Pure and thread-safe.</remarks>
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
}
