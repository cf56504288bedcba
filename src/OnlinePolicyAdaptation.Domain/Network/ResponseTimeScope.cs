using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>What the response time of a service depends on.</summary>
/// <remarks>
/// It is little when a service is placed on few nodes and a node hosts few services: the service's own routing weights, the
/// CPU of its nodes, and the weights and loads of the services it shares these nodes with.
/// </remarks>
/// <param name="Controls">Indices of controls, ascending, each once.</param>
/// <param name="Services">Indices of the services whose offered loads matter, itself among them, ascending, each once.</param>
public sealed record ResponseTimeScope(EquatableArray<int> Controls, EquatableArray<int> Services);
