using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>A system, from a cycle on.</summary>
/// <param name="FromCycle">The first cycle that it answers; not negative.</param>
/// <param name="Start">Makes it, when its time comes.</param>
public readonly record struct LaterSystem(long FromCycle, Func<IEnvironment> Start);

/// <summary>A system that turns into other ones before given cycles, keeping the configuration in force.</summary>
/// <remarks>Each numbers its own intervals from 0; the sequence numbers them on.</remarks>
public sealed class SystemSequence : IEnvironment
{
    private readonly LaterSystem[] _later;
    private IEnvironment _current;
    private int _next;
    private long _interval;

    /// <param name="first">Answers until the first of the others comes; makes nothing where that is at cycle 0.</param>
    /// <param name="later">The others, their cycles ascending.</param>
    public SystemSequence(Func<IEnvironment> first, IReadOnlyList<LaterSystem> later)
    {
        _later = [.. later];
        for (var i = 0; i < _later.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(_later[i].FromCycle, nameof(later));
            if (i > 0)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(
                    _later[i].FromCycle,
                    _later[i - 1].FromCycle,
                    nameof(later)
                );
            }
        }
        _current = (Due() ?? first)();
    }

    public async ValueTask<Metrics> ObserveAsync(CancellationToken cancellationToken)
    {
        var metrics = await _current.ObserveAsync(cancellationToken) with { Interval = _interval++ };
        if (Due() is { } start)
        {
            var configuration = await _current.ReadBackAsync(cancellationToken);
            _current = start();
            await _current.ApplyAsync(configuration, cancellationToken);
        }
        return metrics;
    }

    public ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken) =>
        _current.ApplyAsync(configuration, cancellationToken);

    public ValueTask<Configuration> ReadBackAsync(CancellationToken cancellationToken) =>
        _current.ReadBackAsync(cancellationToken);

    /// <summary>The last of those whose cycle has come since this was asked before.</summary>
    private Func<IEnvironment>? Due()
    {
        Func<IEnvironment>? due = null;
        while (_next < _later.Length && _later[_next].FromCycle <= _interval)
        {
            due = _later[_next++].Start;
        }
        return due;
    }
}
