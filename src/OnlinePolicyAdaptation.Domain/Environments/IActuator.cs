using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>Brings configurations into force, and tells which one is.</summary>
/// <remarks>Calls do not overlap.</remarks>
public interface IActuator
{
    /// <summary>Brings a configuration into force for the following intervals. Applying it again changes nothing.</summary>
    ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken);

    /// <summary>The configuration in force, asked of the system and not remembered.</summary>
    ValueTask<Configuration> ReadBackAsync(CancellationToken cancellationToken);
}
