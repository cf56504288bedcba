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
/// Resources in use are groups of controls; a group's factor is 1 minus the sum of its values over the sum of its
/// highest values, and the reward is the product of the factors. <c>[[c1, c2], [p1], [p2]]</c> gives
/// (1 - (c1 + c2)/10)(1 - p1)(1 - p2) on CPU grids that end at 5. Written once; environment, model, planner and
/// report all use this one.
/// </remarks>
public sealed class RewardFunction
{
    private readonly ControlGrid _grid;
    private readonly int[][] _saved;

    /// <param name="grid">The controls.</param>
    /// <param name="objectives">One per service, in the topology's order.</param>
    /// <param name="saved">Groups of control indices, one factor each.</param>
    /// <param name="costAt">The state whose controls count.</param>
    /// <param name="decimals">Decimals to which response times and the reward are rounded; null: not at all.</param>
    public RewardFunction(
        ControlGrid grid,
        EquatableArray<ServiceLevelObjective> objectives,
        IEnumerable<IEnumerable<int>> saved,
        CostAt costAt,
        int? decimals
    )
    {
        _grid = grid;
        _saved = [.. saved.Select(group => group.ToArray())];
        Objectives = objectives;
        CostAt = costAt;
        Decimals = decimals;
    }

    public EquatableArray<ServiceLevelObjective> Objectives { get; }

    public CostAt CostAt { get; }

    public int? Decimals { get; }

    /// <param name="current">The configuration one leaves.</param>
    /// <param name="next">The configuration one reaches.</param>
    /// <param name="responseTimes">Mean response time of every service under <paramref name="next"/>, in seconds.</param>
    public double Reward(Configuration current, Configuration next, ReadOnlySpan<double> responseTimes)
    {
        var excess = 0.0;
        for (var i = 0; i < Objectives.Count; i++)
        {
            excess += Objectives[i].Excess(Rounded(responseTimes[i]));
        }
        return Rounded(excess > 0 ? -excess : Saving(CostAt == CostAt.CurrentState ? current : next));
    }

    /// <summary>The reward of a configuration whose response times keep every objective, before rounding.</summary>
    public double Saving(Configuration configuration)
    {
        var product = 1.0;
        foreach (var group in _saved)
        {
            double used = 0,
                available = 0;
            foreach (var i in group)
            {
                used += _grid.Controls[i].Value(configuration.Levels[i]);
                available += _grid.Controls[i].Highest;
            }
            product *= 1 - (used / available);
        }
        return product;
    }

    private double Rounded(double value) => Decimals is { } decimals ? Math.Round(value, decimals) : value;
}
