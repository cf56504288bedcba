using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>The move of every control, in the grid's order: -1, 0 or +1 level.</summary>
public sealed record ControlAction
{
    /// <summary>The choices of one control in an <see cref="ActionMask"/>: down, keep, up.</summary>
    public const int ChoicesPerControl = 3;

    /// <param name="moves">One per control, in the grid's order.</param>
    /// <exception cref="ArgumentOutOfRangeException">A move is not -1, 0 or +1.</exception>
    public ControlAction(EquatableArray<int> moves)
    {
        foreach (var move in moves)
        {
            if (move is < -1 or > 1)
            {
                throw new ArgumentOutOfRangeException(nameof(moves), move, "a move is -1, 0 or +1 level");
            }
        }
        Moves = moves;
    }

    public EquatableArray<int> Moves { get; }

    /// <summary>The choice of this action in component <paramref name="control"/> of an action mask: move + 1.</summary>
    public int Choice(int control) => Moves[control] + 1;

    /// <summary>This action with the choice of one control replaced; 0, 1, 2 are down, keep, up.</summary>
    public ControlAction With(int control, int choice)
    {
        var moves = Moves.AsSpan().ToArray();
        moves[control] = choice - 1;
        return new(moves.ToEquatableArray());
    }

    /// <summary>Whether the mask allows every move; it has a component for each control.</summary>
    public bool IsAllowedBy(ActionMask mask)
    {
        for (var i = 0; i < Moves.Count; i++)
        {
            if (!mask.Allows(i, Choice(i)))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>
    /// This action as far as a mask allows it: a move that it forbids is replaced by keep, or, where that is forbidden too,
    /// by down, or else by up.
    /// </summary>
    public ControlAction Within(ActionMask mask)
    {
        if (IsAllowedBy(mask))
        {
            return this;
        }
        var moves = Moves.AsSpan().ToArray();
        for (var i = 0; i < moves.Length; i++)
        {
            moves[i] =
                mask.Allows(i, moves[i] + 1) ? moves[i]
                : mask.Allows(i, 1) ? 0
                : mask.Allows(i, 0) ? -1
                : 1;
        }
        return new(moves.ToEquatableArray());
    }

    /// <summary>Whether no control moves.</summary>
    public bool IsKeep => !Moves.AsSpan().ContainsAnyExcept(0);

    /// <summary>The action that moves none of so many controls.</summary>
    public static ControlAction Keep(int controls) => new(new int[controls].ToEquatableArray());
}
