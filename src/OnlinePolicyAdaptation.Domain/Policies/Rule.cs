using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Policies;

/// <summary>A quantity of a state lies within bounds, both included.</summary>
/// <param name="OfLoad">Whether it is an offered load, in req/s; otherwise the value of a control, in cores or as a share.</param>
/// <param name="Index">Of the service or control, from 0.</param>
/// <param name="AtLeast">Lower bound; may be minus infinity.</param>
/// <param name="AtMost">Upper bound; may be infinity.</param>
public readonly record struct RuleCondition(bool OfLoad, int Index, double AtLeast, double AtMost)
{
    /// <summary>Values on a grid are computed; this much they may be beside the number that was written.</summary>
    public const double Tolerance = 1e-9;

    /// <summary>Whether a value, in the unit of the bounds, lies within them.</summary>
    public bool Holds(double value) => value >= AtLeast - Tolerance && value <= AtMost + Tolerance;
}

/// <summary>Where all conditions hold, these controls move so.</summary>
/// <param name="When">None: everywhere.</param>
/// <param name="Moves">Control (from 0) and its move, -1, 0 or +1 level; controls that are not named are left to later rules.</param>
public sealed record Rule(EquatableArray<RuleCondition> When, EquatableArray<(int Control, int Move)> Moves);
