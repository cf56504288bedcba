using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>
/// The system model of a mesh: controls move by the action exactly, the load is taken to stay as it is, and response
/// times come from an estimate. Deterministic.
/// </summary>
public sealed class NetworkDynamics(ControlGrid grid, RewardFunction reward, IResponseTimeModel responseTimes)
    : ISystemModel<SystemState, ControlAction>
{
    public ControlGrid Grid { get; } = grid;

    /// <summary>All moves that the mask allows, by ascending action number.</summary>
    public IReadOnlyList<ControlAction> AdmissibleActions(SystemState state)
    {
        var mask = Grid.Mask(state.Configuration);
        var actions = new List<ControlAction>();
        for (var index = 0; index < Grid.ActionCount; index++)
        {
            var action = Grid.ActionAt(index);
            if (Allows(mask, action))
            {
                actions.Add(action);
            }
        }
        return actions;
    }

    public Transition<SystemState> Sample(SystemState state, ControlAction action, RandomKey key)
    {
        var next = Grid.Move(state.Configuration, action);
        Span<double> predicted = stackalloc double[state.OfferedLoads.Count];
        responseTimes.Predict(next, state.OfferedLoads.AsSpan(), predicted);
        return new(state with { Configuration = next }, reward.Reward(state.Configuration, next, predicted));
    }

    private static bool Allows(ActionMask mask, ControlAction action)
    {
        for (var i = 0; i < mask.Components; i++)
        {
            if (!mask.Allows(i, action.Choice(i)))
            {
                return false;
            }
        }
        return true;
    }
}
