using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>What a processing node of the simulated mesh is made of.</summary>
/// <remarks>Every value is checked where it is set, also in a <c>with</c> expression.</remarks>
public sealed record NodeParameters
{
    /// <summary>CPU seconds of work that one core does in a second: 1 is nominal, 0.4 a slower node. Above 0.</summary>
    public double Speed
    {
        get;
        init => field = Require.Positive(value, nameof(Speed));
    } = 1;

    /// <summary>A further factor on the speed for 1, 2, ... cores, each above 0; empty: no effect.</summary>
    /// <remarks>
    /// More cores are not always faster: cores that lie unevenly over sockets share memory and caches badly, which
    /// (1, 1, 0.7, 1) says of three cores. A part of a core counts as a whole one, and beyond the last entry the last
    /// one holds.
    /// </remarks>
    public EquatableArray<double> SpeedByCores
    {
        get;
        init
        {
            foreach (var factor in value)
            {
                _ = Require.Positive(factor, nameof(SpeedByCores));
            }
            field = value;
        }
    }

    /// <summary>Cores, where no control sets them. Not negative; a part of a core is a CPU quota.</summary>
    public double Cores
    {
        get;
        init => field = Require.NotNegative(value, nameof(Cores));
    } = 1;

    /// <summary>Network latency between front node and this node, in seconds and each way. Not negative.</summary>
    public double LatencySeconds
    {
        get;
        init => field = Require.NotNegative(value, nameof(LatencySeconds));
    }

    /// <summary>
    /// Mean of the exponential part that comes on top of the latency, in seconds and each way. Not negative.
    /// </summary>
    public double JitterSeconds
    {
        get;
        init => field = Require.NotNegative(value, nameof(JitterSeconds));
    }

    /// <summary>
    /// Requests that the node works on at once, at least 1; one that finds it full is dropped. Null: no limit.
    /// </summary>
    public int? Capacity
    {
        get;
        init
        {
            if (value is { } capacity)
            {
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity, nameof(Capacity));
            }
            field = value;
        }
    }

    /// <summary>The work that each core does in a second when so many are allocated.</summary>
    internal double SpeedWith(double cores)
    {
        if (SpeedByCores.Count == 0)
        {
            return Speed;
        }
        var entry = Math.Clamp(WholeNumber.Ceiling(cores) - 1, 0, SpeedByCores.Count - 1);
        return Speed * SpeedByCores[(int)entry];
    }
}
