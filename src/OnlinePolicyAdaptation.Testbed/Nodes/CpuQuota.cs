using System.Diagnostics;

namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>CPU time per period of 10 ms, as the quota of a cgroup: what is overdrawn is missing next time, what is not needed is lost.</summary>
/// <remarks>
/// What is needed and not used in its period, as the machine had other things to do, is there later: so a node does its work
/// even then. Used by one thread.
/// </remarks>
internal sealed class CpuQuota
{
    private static readonly double Period = 0.01;
    private readonly long _began = Stopwatch.GetTimestamp();
    private long _period = -1;
    private double _left;
    private bool _hasRested = true;

    /// <summary>How long there is no CPU time; at most until the next period. 0: there is some.</summary>
    /// <param name="cpus">The CPUs that may be used, not negative.</param>
    public TimeSpan Wait(double cpus)
    {
        var elapsed = Stopwatch.GetElapsedTime(_began).TotalSeconds;
        var period = (long)(elapsed / Period);
        if (period > _period)
        {
            var share = cpus * Period;
            _left += (period - _period) * share;
            _left = _hasRested ? Math.Min(_left, share) : _left;
            _period = period;
        }
        _hasRested = false;
        return _left > 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(((period + 1) * Period) - elapsed);
    }

    /// <summary>Nothing is to be done until the next wait: what is left then is lost.</summary>
    public void Rest() => _hasRested = true;

    public void Spend(double cpuSeconds) => _left -= cpuSeconds;
}
