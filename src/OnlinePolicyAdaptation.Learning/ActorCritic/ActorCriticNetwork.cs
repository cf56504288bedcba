using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>Two networks over the same observation: the actor, which prefers actions, and the critic, which values states.</summary>
/// <remarks>
/// The actor's outputs are logits <c>[controls, 3]</c>, row by row: down, keep, up of the first control, then of the next.
/// The critic has one output. A policy brought from elsewhere may come without a critic.
/// </remarks>
public sealed class ActorCriticNetwork
{
    /// <param name="actor">As many outputs as three times the number of controls.</param>
    /// <param name="critic">As many inputs as the actor, and one output; null: no state is valued.</param>
    /// <exception cref="ArgumentException">A width is another.</exception>
    public ActorCriticNetwork(MultilayerPerceptron actor, MultilayerPerceptron? critic)
    {
        ArgumentNullException.ThrowIfNull(actor);
        if (actor.Outputs % ControlAction.ChoicesPerControl != 0)
        {
            throw new ArgumentException(
                $"the actor has {actor.Outputs} outputs; expected {ControlAction.ChoicesPerControl} per control",
                nameof(actor)
            );
        }
        if (critic is not null && (critic.Inputs != actor.Inputs || critic.Outputs != 1))
        {
            throw new ArgumentException(
                $"the critic has {critic.Inputs} inputs and {critic.Outputs} outputs; expected {actor.Inputs} and 1",
                nameof(critic)
            );
        }
        Actor = actor;
        Critic = critic;
    }

    public MultilayerPerceptron Actor { get; }

    public MultilayerPerceptron? Critic { get; }

    /// <summary>The number of inputs.</summary>
    public int Observations => Actor.Inputs;

    /// <summary>The number of controls decided on.</summary>
    public int Controls => Actor.Outputs / ControlAction.ChoicesPerControl;
}
