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

    public RewardFunction Reward { get; } = reward;

    public IResponseTimeModel ResponseTimes { get; } = responseTimes;

    /// <summary>All moves that the mask allows, by ascending action number.</summary>
    public IReadOnlyList<ControlAction> AdmissibleActions(SystemState state)
    {
        var mask = Grid.Mask(state.Configuration);
        var actions = new List<ControlAction>();
        for (var index = 0; index < Grid.ActionCount; index++)
        {
            var action = Grid.ActionAt(index);
            if (action.IsAllowedBy(mask))
            {
                actions.Add(action);
            }
        }
        return actions;
    }

    /// <summary>The outcome of an action. It is computed, not drawn: the key is not used.</summary>
    public Transition<SystemState> Sample(SystemState state, ControlAction action, RandomKey key)
    {
        var next = Grid.Move(state.Configuration, action);
        Span<double> predicted = stackalloc double[state.OfferedLoads.Count];
        ResponseTimes.Predict(next, state.OfferedLoads.AsSpan(), predicted);
        return new(state with { Configuration = next }, Reward.Reward(state.Configuration, next, predicted));
    }
}
