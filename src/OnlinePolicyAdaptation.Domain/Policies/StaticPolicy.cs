using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>The policy of leaving everything as it is.</summary>
public sealed class StaticPolicy : IPolicy<SystemState, ControlAction>
{
    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key) =>
        ControlAction.Keep(mask.Components).Within(mask);
}
