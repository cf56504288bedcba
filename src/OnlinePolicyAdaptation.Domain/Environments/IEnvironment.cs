using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>The managed system, real, simulated or recorded: observed and acted on, never planned with.</summary>
/// <remarks>Stateful and asynchronous; calls do not overlap.</remarks>
public interface IEnvironment : IActuator
{
    /// <summary>Waits for the next monitoring interval to pass and returns what was measured in it.</summary>
    ValueTask<Metrics> ObserveAsync(CancellationToken cancellationToken);
}
