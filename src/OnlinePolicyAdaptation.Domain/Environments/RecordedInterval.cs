using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>A row of a recorded trace.</summary>
/// <param name="LoadLevels">
/// The load that was set for every service; the measured offered load varies around it.
/// </param>
/// <param name="Metrics">What was measured.</param>
public sealed record RecordedInterval(EquatableArray<RequestRate> LoadLevels, Metrics Metrics);
