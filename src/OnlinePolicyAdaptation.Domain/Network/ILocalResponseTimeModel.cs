using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>Mean response times where each service depends on few controls.</summary>
/// <remarks>
/// Features stay local when a service is placed on few nodes and a node hosts few services: a service then depends on its
/// own routing weights, the CPU of its nodes, and the weights of the services it shares these nodes with. Pure and
/// thread-safe.
/// </remarks>
public interface ILocalResponseTimeModel
{
    /// <summary>The controls that the response time of a service depends on, each once.</summary>
    EquatableArray<int> Scope(int service);

    /// <summary>The response time of a service in seconds, by the levels of the controls in its scope.</summary>
    double Predict(int service, ReadOnlySpan<int> levels, ReadOnlySpan<RequestRate> offeredLoads);
}
