namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>A model that knows what reward to expect over noise, which is not the reward of the expected response time.</summary>
/// <remarks>Where it does, this is what is planned with.</remarks>
public interface IExpectedRewards : IResponseTimeModel
{
    /// <param name="reward">Of a step.</param>
    /// <param name="configurations">Those in question; none is fine.</param>
    /// <param name="offeredLoads">One per service.</param>
    /// <param name="arrivals">
    /// Receives <see cref="RewardFunction.ExpectedArrival"/> of each configuration; not a number where the configuration that
    /// is left pays.
    /// </param>
    void ExpectedArrivals(
        RewardFunction reward,
        ReadOnlySpan<Configuration> configurations,
        ReadOnlySpan<RequestRate> offeredLoads,
        Span<double> arrivals
    );
}
