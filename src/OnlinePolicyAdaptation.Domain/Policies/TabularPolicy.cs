using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>A deterministic policy written as a table: one action per configuration of the grid, whatever the load.</summary>
/// <remarks>A move that the mask forbids is left out of the action; the other controls move as the table says.</remarks>
public sealed class TabularPolicy : IPolicy<SystemState, ControlAction>
{
    private readonly ControlGrid _grid;
    private readonly int[] _actions;

    /// <param name="grid">The controls.</param>
    /// <param name="actions">Action number of every configuration number.</param>
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

    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key)
    {
        var action = _grid.ActionAt(_actions[_grid.IndexOf(state.Configuration)]);
        return new ControlAction(
            action.Moves.Select((move, i) => mask.Allows(i, action.Choice(i)) ? move : 0).ToEquatableArray()
        );
    }
}
