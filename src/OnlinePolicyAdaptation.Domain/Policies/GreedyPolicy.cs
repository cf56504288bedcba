using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>
/// The policy that looks one step ahead and no further: the best immediate reward by a system model, less a small charge
/// for moving controls. Of equally good actions, the one with the smallest number.
/// </summary>
/// <remarks>Tries every admissible action, so it is for grids whose actions can be enumerated.</remarks>
/// <param name="model">Tells the rewards; one sample of each action under the key passed to the policy.</param>
/// <param name="grid">The controls.</param>
/// <param name="moveCharge">Charged per unit (core or whole share) by which the action moves a control.</param>
public sealed class GreedyPolicy(
    ISystemModel<SystemState, ControlAction> model,
    ControlGrid grid,
    double moveCharge = GreedyPolicy.DefaultMoveCharge
) : IPolicy<SystemState, ControlAction>
{
    /// <summary>Per core or whole share, in units of the reward.</summary>
    public const double DefaultMoveCharge = 0.001;

    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key)
    {
        var best = ControlAction.Keep(grid.Controls.Count).Within(mask);
        var bestGain = double.NegativeInfinity;
        foreach (var action in model.AdmissibleActions(state))
        {
            if (!action.IsAllowedBy(mask))
            {
                continue;
            }
            var gain = model.Sample(state, action, key).Reward - (moveCharge * grid.Distance(action));
            if (gain > bestGain)
            {
                (best, bestGain) = (action, gain);
            }
        }
        return best;
    }
}
