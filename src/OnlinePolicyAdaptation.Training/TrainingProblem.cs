using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Learning.ActorCritic;

namespace OnlinePolicyAdaptation.Training;

/// <summary>What a policy is trained on.</summary>
/// <param name="Model">Stepped from many states at once; each step draws with a key of its own.</param>
/// <param name="Encoding">What the policy sees of a state, and the controls it decides on.</param>
/// <param name="Start">Draws the state in which an episode starts.</param>
public sealed record TrainingProblem(
    ISystemModel<SystemState, ControlAction> Model,
    ObservationEncoding Encoding,
    Func<RandomKey, SystemState> Start
)
{
    /// <summary>Whether an episode is over in a state, nothing being earned from there on. By default it never is.</summary>
    public Func<SystemState, bool> IsTerminal { get; init; } = static _ => false;

    /// <summary>
    /// A mesh from exploring starts: every configuration of the grid and every one of the given loads with the same
    /// probability, so that no part of the grid is forgotten while the policy stays in another.
    /// </summary>
    /// <param name="dynamics">The mesh.</param>
    /// <param name="loads">At least one combination of loads, each with one per service.</param>
    public static TrainingProblem ExploringStarts(
        NetworkDynamics dynamics,
        IReadOnlyList<EquatableArray<RequestRate>> loads
    )
    {
        ArgumentOutOfRangeException.ThrowIfZero(loads.Count, nameof(loads));
        var grid = dynamics.Grid;
        var ranges = Enumerable
            .Range(0, loads[0].Count)
            .Select(service => new LoadRange(
                new(loads.Min(load => load[service].PerSecond)),
                new(loads.Max(load => load[service].PerSecond))
            ))
            .ToArray();
        return new(
            dynamics,
            ObservationEncoding.Normalised(grid, ranges),
            key =>
            {
                var sequence = key.Sequence();
                var levels = new int[grid.Controls.Count];
                for (var i = 0; i < levels.Length; i++)
                {
                    levels[i] = sequence.NextInt(grid.Controls[i].Levels);
                }
                return new(new(levels.ToEquatableArray()), loads[sequence.NextInt(loads.Count)]);
            }
        );
    }
}
