using System.Collections.Immutable;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>Where a policy comes from.</summary>
/// <param name="Scenario">Name of the scenario it was made for.</param>
/// <param name="Seed">Of its training; null where that is unknown.</param>
/// <param name="Settings">Whatever else its maker recorded, such as hyperparameters; by name.</param>
public sealed record PolicyOrigin(string Scenario, ulong? Seed, ImmutableSortedDictionary<string, string> Settings);

/// <summary>A network with all that is needed to act by it: what a policy file holds.</summary>
public sealed class SavedPolicy
{
    private readonly ActorPolicy _policy;

    /// <exception cref="ArgumentException">The network does not fit the encoding.</exception>
    public SavedPolicy(ActorCriticNetwork network, ObservationEncoding encoding, PolicyOrigin origin)
    {
        ArgumentNullException.ThrowIfNull(origin);
        Network = network;
        Encoding = encoding;
        Origin = origin;
        _policy = Policy(ActionSelection.Likeliest);
    }

    public ActorCriticNetwork Network { get; }

    public ObservationEncoding Encoding { get; }

    public PolicyOrigin Origin { get; }

    /// <summary>The policy by the likeliest choices.</summary>
    public ActorPolicy Policy() => _policy;

    /// <summary>The policy; a <see cref="NetworkPolicy"/>, which is a value function too, where there is a critic.</summary>
    public ActorPolicy Policy(ActionSelection selection) =>
        Network.Critic is null
            ? new ActorPolicy(Network, Encoding, selection)
            : new NetworkPolicy(Network, Encoding, selection);

    /// <summary>Refuses a scenario with other controls or another number of services than the policy was made for.</summary>
    /// <param name="grid">The scenario's controls. What happens at the edge of their grid may differ.</param>
    /// <param name="services">The scenario's number of services.</param>
    /// <param name="name">How messages call the policy.</param>
    /// <exception cref="BadInputException">It does not fit.</exception>
    public void CheckFits(ControlGrid grid, int services, string name)
    {
        var mine = Encoding.Grid.Controls;
        if (mine != grid.Controls)
        {
            throw new BadInputException(
                $"{name}: made for the controls {Shown.Text(string.Join("; ", mine))}; expected {string.Join("; ", grid.Controls)}, each setting the same"
            );
        }
        if (Encoding.ServiceCount != services)
        {
            throw new BadInputException($"{name}: made for {Encoding.ServiceCount} services; expected {services}");
        }
    }
}
