using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>A system that turns into another one before a given cycle, keeping the configuration in force.</summary>
/// <param name="before">Answers the cycles before the change.</param>
/// <param name="after">Answers from cycle <paramref name="cycle"/> on.</param>
/// <param name="cycle">The first cycle on the changed system; 0: the change is over when the first cycle begins.</param>
public sealed class SystemChange(IEnvironment before, IEnvironment after, long cycle) : IEnvironment
{
    private long _interval;

    public async ValueTask<Metrics> ObserveAsync(CancellationToken cancellationToken)
    {
        var current = _interval < cycle ? before : after;
        var metrics = await current.ObserveAsync(cancellationToken);
        return metrics with { Interval = _interval++ };
    }

    public async ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken)
    {
        await before.ApplyAsync(configuration, cancellationToken);
        await after.ApplyAsync(configuration, cancellationToken);
    }

    public ValueTask<Configuration> ReadBackAsync(CancellationToken cancellationToken) =>
        (_interval < cycle ? before : after).ReadBackAsync(cancellationToken);
}
