using System.Numerics;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>Every admissible action with the same probability: each control draws one of its admissible moves.</summary>
public sealed class RandomPolicy : IPolicy<SystemState, ControlAction>, IStochasticPolicy<SystemState>
{
    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key)
    {
        var sequence = key.Sequence();
        var moves = new int[mask.Components];
        for (var i = 0; i < moves.Length; i++)
        {
            var skip = sequence.NextInt(BitOperations.PopCount(mask.Allowed[i]));
            var allowed = mask.Allowed[i];
            for (; skip > 0; skip--)
            {
                allowed &= allowed - 1;
            }
            moves[i] = BitOperations.TrailingZeroCount(allowed) - 1;
        }
        return new(moves.ToEquatableArray());
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">There is not a probability for each of three moves per control.</exception>
    public void Probabilities(SystemState state, ActionMask mask, Span<double> probabilities)
    {
        const int choices = ControlAction.ChoicesPerControl;
        ArgumentOutOfRangeException.ThrowIfNotEqual(
            probabilities.Length,
            mask.Components * choices,
            nameof(probabilities)
        );
        for (var i = 0; i < mask.Components; i++)
        {
            var probability = 1.0 / BitOperations.PopCount(mask.Allowed[i]);
            for (var choice = 0; choice < choices; choice++)
            {
                probabilities[(i * choices) + choice] = mask.Allows(i, choice) ? probability : 0;
            }
        }
    }
}
