using System.Runtime.InteropServices;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Learning.ActorCritic;

/// <summary>How a policy takes an action from a distribution.</summary>
public enum ActionSelection
{
    /// <summary>The likeliest choice of each control. Of equally likely ones keep goes first, then down, then up.</summary>
    Likeliest,

    /// <summary>A choice of each control drawn with its probability.</summary>
    Sampled,
}

/// <summary>The policy of a trained actor.</summary>
/// <remarks>
/// Thread-safe; allocates nothing but the action. A logit that is not finite, which only absurd weights give, counts as the
/// largest or smallest number, NaN as the smallest.
/// </remarks>
public class ActorPolicy : IPolicy<SystemState, ControlAction>, IStochasticPolicy<SystemState>
{
    private const int Choices = ControlAction.ChoicesPerControl;
    private const int Down = 0;
    private const int Keep = 1;
    private const int Up = 2;

    // Observations and logits live on the stack; a mesh with more of them than this is past what one network decides.
    internal const int MaxWidth = 4096;

    /// <param name="network">Takes what <paramref name="encoding"/> gives and decides on all controls of its grid.</param>
    /// <param name="encoding">The network's inputs.</param>
    /// <param name="selection">How to act.</param>
    public ActorPolicy(
        ActorCriticNetwork network,
        ObservationEncoding encoding,
        ActionSelection selection = ActionSelection.Likeliest
    )
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(encoding);
        if (network.Observations != encoding.Inputs.Count || network.Controls != encoding.Grid.Controls.Count)
        {
            throw new ArgumentException(
                $"the network has {network.Observations} inputs and decides on {network.Controls} controls; "
                    + $"expected {encoding.Inputs.Count} and {encoding.Grid.Controls.Count}",
                nameof(network)
            );
        }
        ArgumentOutOfRangeException.ThrowIfGreaterThan(network.Observations, MaxWidth, nameof(network));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(network.Actor.Outputs, MaxWidth, nameof(network));
        Network = network;
        Encoding = encoding;
        ActionSelection = selection;
    }

    public ActorCriticNetwork Network { get; }

    public ObservationEncoding Encoding { get; }

    public ActionSelection ActionSelection { get; }

    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key)
    {
        Span<float> logits = stackalloc float[Network.Actor.Outputs];
        Logits(state, mask, logits);
        var moves = new int[Network.Controls];
        var sequence = key.Sequence();
        Span<double> probabilities = stackalloc double[Choices];
        for (var i = 0; i < moves.Length; i++)
        {
            var row = logits.Slice(i * Choices, Choices);
            if (ActionSelection == ActionSelection.Sampled)
            {
                Softmax(row, mask.Allowed[i], probabilities);
                moves[i] = Draw(probabilities, sequence.NextDouble()) - 1;
            }
            else
            {
                moves[i] = Likeliest(row, mask.Allowed[i]) - 1;
            }
        }
        return new(new EquatableArray<int>(ImmutableCollectionsMarshal.AsImmutableArray(moves)));
    }

    /// <summary>The probabilities from which a sampled action is drawn; a masked choice has 0.</summary>
    /// <param name="state">Where one is.</param>
    /// <param name="mask">A component for each control.</param>
    /// <param name="probabilities">Receives <c>[controls, 3]</c>, row by row: down, keep, up. Each row sums to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length differs.</exception>
    public void Probabilities(SystemState state, ActionMask mask, Span<double> probabilities)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(probabilities.Length, Network.Actor.Outputs, nameof(probabilities));
        Span<float> logits = stackalloc float[Network.Actor.Outputs];
        Logits(state, mask, logits);
        for (var i = 0; i < Network.Controls; i++)
        {
            Softmax(logits.Slice(i * Choices, Choices), mask.Allowed[i], probabilities.Slice(i * Choices, Choices));
        }
    }

    /// <summary>A number that is finite in place of one that may not be.</summary>
    private protected static float Finite(float value) =>
        float.IsNaN(value) ? float.MinValue : Math.Clamp(value, float.MinValue, float.MaxValue);

    private void Logits(SystemState state, ActionMask mask, Span<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mask.Components, Network.Controls, nameof(mask));
        Span<float> observation = stackalloc float[Network.Observations];
        Encoding.Encode(state, observation);
        Network.Actor.Evaluate(observation, logits);
        foreach (ref var logit in logits)
        {
            logit = Finite(logit);
        }
    }

    private static bool IsAllowed(ulong allowed, int choice) => ((allowed >> choice) & 1) != 0;

    private static int Likeliest(ReadOnlySpan<float> logits, ulong allowed)
    {
        ReadOnlySpan<int> order = [Keep, Down, Up];
        var best = -1;
        foreach (var choice in order)
        {
            if (IsAllowed(allowed, choice) && (best < 0 || logits[choice] > logits[best]))
            {
                best = choice;
            }
        }
        return best;
    }

    private static void Softmax(ReadOnlySpan<float> logits, ulong allowed, Span<double> probabilities)
    {
        double highest = logits[Likeliest(logits, allowed)];
        var sum = 0.0;
        for (var choice = 0; choice < Choices; choice++)
        {
            probabilities[choice] = IsAllowed(allowed, choice) ? Math.Exp(logits[choice] - highest) : 0;
            sum += probabilities[choice];
        }
        foreach (ref var probability in probabilities)
        {
            probability /= sum;
        }
    }

    /// <summary>The choice at which the cumulative probability passes a uniform number; never one of probability 0.</summary>
    private static int Draw(ReadOnlySpan<double> probabilities, double uniform)
    {
        var last = 0;
        for (var choice = 0; choice < Choices; choice++)
        {
            if (probabilities[choice] > 0)
            {
                last = choice;
                if (uniform < probabilities[choice])
                {
                    return choice;
                }
                uniform -= probabilities[choice];
            }
        }
        return last;
    }
}
