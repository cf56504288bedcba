using System.Diagnostics;

namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>CPU time per period of 10 ms, as the quota of a cgroup: what is left over is lost, what is overdrawn is missing next time.</summary>
/// <remarks>Used by one thread.</remarks>
internal sealed class CpuQuota
{
    private static readonly double Period = 0.01;
    private readonly long _began = Stopwatch.GetTimestamp();
    private long _period = -1;
    private double _left;

    /// <summary>How long there is no CPU time; at most until the next period. 0: there is some.</summary>
    /// <param name="cpus">The CPUs that may be used, not negative.</param>
    public TimeSpan Wait(double cpus)
    {
        var elapsed = Stopwatch.GetElapsedTime(_began).TotalSeconds;
        var period = (long)(elapsed / Period);
        if (period > _period)
        {
            var share = cpus * Period;
            _left = Math.Min(share, _left + ((period - _period) * share));
            _period = period;
        }
        return _left > 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(((period + 1) * Period) - elapsed);
    }

    public void Spend(double cpuSeconds) => _left -= cpuSeconds;
}
