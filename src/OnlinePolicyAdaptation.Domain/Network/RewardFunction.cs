using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The state whose controls a step is charged for.</summary>
public enum CostAt
{
    /// <summary>The state one leaves.</summary>
    CurrentState,

    /// <summary>The state one reaches.</summary>
    NextState,
}

/// <summary>
/// The reward of a step: while every service keeps its objective, how little of the resources is in use; otherwise
/// minus the sum of the seconds by which objectives are missed.
/// </summary>
/// <remarks>
/// Resources in use are groups of controls; a group's factor is 1 minus the sum of its values over what is available,
/// by default the sum of its highest values, and the reward is the product of the factors. <c>[[c1, c2], [p1], [p2]]</c>
/// gives (1 - (c1 + c2)/10)(1 - p1)(1 - p2) on CPU grids that end at 5. Written once; environment, model, planner and
/// report all use this one.
/// </remarks>
public sealed class RewardFunction
{
    /// <summary>Objectives that are kept this probably are kept.</summary>
    private const double SurelyKept = 0.995;

    private readonly ControlGrid _grid;
    private readonly int[][] _saved;
    private readonly double[] _available;

    /// <param name="grid">The controls.</param>
    /// <param name="objectives">One per service, in the topology's order.</param>
    /// <param name="saved">Groups of control indices, one factor each.</param>
    /// <param name="costAt">The state whose controls count.</param>
    /// <param name="decimals">Decimals to which response times and the reward are rounded; null: not at all.</param>
    /// <param name="available">What is available to each group, above 0; null: the sum of its highest values.</param>
    public RewardFunction(
        ControlGrid grid,
        EquatableArray<ServiceLevelObjective> objectives,
        IEnumerable<IEnumerable<int>> saved,
        CostAt costAt,
        int? decimals,
        IEnumerable<double>? available = null
    )
    {
        _grid = grid;
        _saved = [.. saved.Select(group => group.ToArray())];
        _available = [.. available ?? _saved.Select(group => group.Sum(i => grid.Controls[i].Highest))];
        if (_available.Length != _saved.Length || _available.Any(value => !(value > 0)))
        {
            throw new ArgumentException(
                $"available: [{string.Join(", ", _available)}]; expected a number above 0 for each of {_saved.Length} groups",
                nameof(available)
            );
        }
        Objectives = objectives;
        CostAt = costAt;
        Decimals = decimals;
    }

    /// <summary>The groups of control indices, one factor each.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Saved => _saved;

    /// <summary>One per service, in the topology's order.</summary>
    public EquatableArray<ServiceLevelObjective> Objectives { get; }

    /// <summary>The state whose controls a step is charged for.</summary>
    public CostAt CostAt { get; }

    /// <summary>Decimals to which response times (in seconds) and the reward are rounded, halves to even; null: not at all.</summary>
    public int? Decimals { get; }

    /// <param name="current">The configuration one leaves.</param>
    /// <param name="next">The configuration one reaches.</param>
    /// <param name="responseTimes">Mean response time of every service under <paramref name="next"/>, in seconds.</param>
    public double Reward(Configuration current, Configuration next, ReadOnlySpan<double> responseTimes) =>
        Arrival(next, responseTimes) ?? Departure(current);

    /// <summary>
    /// The reward of a step that does not depend on the configuration it leaves; null where it is the
    /// <see cref="Departure"/> of that one: every objective is kept and the cost is charged at the current state.
    /// </summary>
    /// <param name="next">The configuration one reaches.</param>
    /// <param name="responseTimes">Mean response time of every service under <paramref name="next"/>, in seconds.</param>
    public double? Arrival(Configuration next, ReadOnlySpan<double> responseTimes)
    {
        var excess = 0.0;
        for (var i = 0; i < Objectives.Count; i++)
        {
            excess += Excess(i, responseTimes[i]);
        }
        return excess > 0 ? Rounded(-excess)
            : CostAt == CostAt.NextState ? Rounded(Saving(next))
            : null;
    }

    /// <summary>
    /// The reward to expect of a step that does not depend on the configuration it leaves. Where the cost is charged at the
    /// current state it does depend on it, unless an objective may well be missed; the one that is reached then stands for
    /// it, and not a number for a step that pays on <see cref="Departure"/> alone.
    /// </summary>
    /// <param name="next">The configuration one reaches.</param>
    /// <param name="kept">The probability that every objective is kept.</param>
    /// <param name="excess">The seconds by which objectives are missed, to expect.</param>
    public double ExpectedArrival(Configuration next, double kept, double excess) =>
        CostAt == CostAt.CurrentState && kept >= SurelyKept ? double.NaN : (kept * Saving(next)) - excess;

    /// <summary>The reward of leaving a configuration for one that keeps every objective.</summary>
    public double Departure(Configuration current) => Rounded(Saving(current));

    /// <summary>The reward of a step by the sums that make it up.</summary>
    /// <param name="excess">The excesses of all services under the configuration one reaches, in seconds.</param>
    /// <param name="usedByCurrent">The sum of each group's values in the configuration one leaves.</param>
    /// <param name="usedByNext">The same in the configuration one reaches.</param>
    public double Reward(double excess, ReadOnlySpan<double> usedByCurrent, ReadOnlySpan<double> usedByNext) =>
        Rounded(excess > 0 ? -excess : Saving(CostAt == CostAt.CurrentState ? usedByCurrent : usedByNext));

    /// <summary>
    /// By how many seconds a service misses its objective, its response time being rounded first where there are
    /// <see cref="Decimals"/>; 0 when it keeps it. The one place that says so.
    /// </summary>
    public double Excess(int service, double seconds)
    {
        var (rounded, bound) = (Rounded(seconds), Objectives[service].Bound.Seconds);
        return rounded <= bound ? 0 : rounded - bound;
    }

    /// <summary>By how many seconds a service misses its objective; 0 also where it answered nothing.</summary>
    public double Excess(int service, ServiceMetrics measured) =>
        measured.MeanResponseTime is { } time ? Excess(service, time.Seconds) : 0;

    /// <summary>The reward of a configuration whose response times keep every objective, before rounding.</summary>
    public double Saving(Configuration configuration)
    {
        Span<double> used = stackalloc double[_saved.Length];
        for (var g = 0; g < used.Length; g++)
        {
            foreach (var i in _saved[g])
            {
                used[g] += _grid.Controls[i].Value(configuration.Levels[i]);
            }
        }
        return Saving(used);
    }

    private double Saving(ReadOnlySpan<double> used)
    {
        var product = 1.0;
        for (var g = 0; g < used.Length; g++)
        {
            product *= 1 - (used[g] / _available[g]);
        }
        return product;
    }

    private double Rounded(double value) => Decimals is { } decimals ? Math.Round(value, decimals) : value;
}
