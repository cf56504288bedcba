using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>A deterministic policy written as a table: one action per configuration of the grid, whatever the load.</summary>
/// <remarks>A move that the mask forbids is left out of the action (<see cref="ControlAction.Within"/>).</remarks>
public sealed class TabularPolicy : IPolicy<SystemState, ControlAction>
{
    private readonly ControlGrid _grid;
    private readonly int[] _actions;

    /// <param name="grid">The controls.</param>
    /// <param name="actions">Action number of every configuration number.</param>
    /// <exception cref="ArgumentException">There is not an action for every configuration.</exception>
    public TabularPolicy(ControlGrid grid, ReadOnlySpan<int> actions)
    {
        if (actions.Length != grid.ConfigurationCount)
        {
            throw new ArgumentException(
                $"{actions.Length} actions given for {grid.ConfigurationCount} configurations",
                nameof(actions)
            );
        }
        _grid = grid;
        _actions = actions.ToArray();
    }

    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key) =>
        _grid.ActionAt(_actions[_grid.IndexOf(state.Configuration)]).Within(mask);

    /// <summary>Reads a table: a JSON array of the action number of every configuration number.</summary>
    /// <exception cref="BadInputException">It is not one, or it does not fit the grid.</exception>
    public static TabularPolicy Load(string path, ControlGrid grid)
    {
        var actions = PolicyJson.Load<int[]>(path, "an array of action numbers");
        var wrong = Array.FindIndex(actions, action => action < 0 || action >= grid.ActionCount);
        if (wrong >= 0)
        {
            throw new BadInputException(
                $"{path}: entry {wrong} is {actions[wrong]}; expected an action number from 0 to {grid.ActionCount - 1}"
            );
        }
        return actions.Length == grid.ConfigurationCount
            ? new(grid, actions)
            : throw new BadInputException(
                $"{path}: {actions.Length} action numbers; expected one for each of {grid.ConfigurationCount} configurations"
            );
    }
}
