namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The unknown part of the dynamics: the mean response time of every service under a configuration and load.</summary>
/// <remarks>Pure and thread-safe.</remarks>
public interface IResponseTimeModel
{
    /// <param name="configuration">The configuration in force.</param>
    /// <param name="offeredLoads">One per service.</param>
    /// <param name="responseTimes">Receives one value per service, in seconds.</param>
    void Predict(Configuration configuration, ReadOnlySpan<RequestRate> offeredLoads, Span<double> responseTimes);
}
