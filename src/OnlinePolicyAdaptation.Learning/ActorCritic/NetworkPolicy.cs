using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>The policy of a trained actor, with the values that its critic gives to states.</summary>
public sealed class NetworkPolicy : ActorPolicy
{
    private readonly MultilayerPerceptron _critic;

    /// <param name="network">With a critic.</param>
    /// <param name="encoding">The network's inputs.</param>
    /// <param name="selection">How to act.</param>
    public NetworkPolicy(
        ActorCriticNetwork network,
        ObservationEncoding encoding,
        ActionSelection selection = ActionSelection.Likeliest
    )
        : base(network, encoding, selection) =>
        _critic = network.Critic ?? throw new ArgumentException("the network has no critic", nameof(network));

    /// <summary>The critic's estimate of what the policy earns from a state on.</summary>
    public double Value(SystemState state)
    {
        Span<float> observation = stackalloc float[Network.Observations];
        Encoding.Encode(state, observation);
        Span<float> value = stackalloc float[1];
        _critic.Evaluate(observation, value);
        return Finite(value[0]);
    }
}
