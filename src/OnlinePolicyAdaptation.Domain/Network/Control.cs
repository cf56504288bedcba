using System.Globalization;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Network;

/// <summary>What a control sets in the mesh.</summary>
public abstract record ControlTarget
{
    private ControlTarget() { }

    /// <summary>The share of a service's requests that goes to a node, in [0, 1].</summary>
    public sealed record RoutingWeight(int Service, int Node) : ControlTarget;

    /// <summary>The CPU cores of each of these nodes.</summary>
    public sealed record CpuCores(EquatableArray<int> Nodes) : ControlTarget;

    /// <summary>The share of a service's requests that the front node refuses (HTTP 429), in [0, 1].</summary>
    public sealed record BlockingRate(int Service) : ControlTarget;
}

/// <summary>One adjustable quantity on an evenly spaced grid of values.</summary>
/// <remarks>Planning sees only the integer level; the real value is decoded at the edge.</remarks>
public sealed record Control
{
    /// <param name="name">Its name in traces and reports, such as <c>p11</c> or <c>c1</c>.</param>
    /// <param name="target">What it sets.</param>
    /// <param name="lowest">The value of level 0, in cores or as a share.</param>
    /// <param name="highest">The value of the last level; above <paramref name="lowest"/>.</param>
    /// <param name="levels">The number of levels, at least 2.</param>
    /// <exception cref="ArgumentException">The name is blank, or a number is out of its range; the message says which.</exception>
    public Control(string name, ControlTarget target, double lowest, double highest, int levels)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentOutOfRangeException.ThrowIfLessThan(levels, 2);
        if (!double.IsFinite(lowest) || lowest < 0 || !double.IsFinite(highest) || highest <= lowest)
        {
            throw new ArgumentOutOfRangeException(
                nameof(highest),
                FormattableString.Invariant(
                    $"control {name} runs from {lowest} to {highest}; expected 0 <= lowest < highest"
                )
            );
        }
        if (target is not ControlTarget.CpuCores && highest > 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(highest),
                FormattableString.Invariant($"control {name} is a share but reaches {highest}; expected at most 1")
            );
        }
        Name = name;
        Target = target;
        Lowest = lowest;
        Highest = highest;
        Levels = levels;
    }

    /// <summary>As in traces and reports; never blank.</summary>
    public string Name { get; }

    public ControlTarget Target { get; }

    /// <summary>The value of level 0, in cores or as a share; not negative.</summary>
    public double Lowest { get; }

    /// <summary>The value of the last level, in cores or as a share; a share is at most 1.</summary>
    public double Highest { get; }

    /// <summary>The number of levels, at least 2; they are numbered from 0.</summary>
    public int Levels { get; }

    /// <summary>The difference between the values of neighbouring levels.</summary>
    public double Step => (Highest - Lowest) / (Levels - 1);

    /// <summary>The value of a level. Interpolated between the ends, so that 3 of 0..5 in [0, 1] is 0.6 exactly.</summary>
    public double Value(int level) => ((Lowest * (Levels - 1 - level)) + (Highest * level)) / (Levels - 1);

    /// <summary>
    /// The level of a value on the grid, to a hundred-thousandth of a step: a third may be given as 0.333333, and the ends
    /// with the noise of rounding. Null for a value off the grid.
    /// </summary>
    public int? Level(double value)
    {
        var steps = (value - Lowest) / (Highest - Lowest) * (Levels - 1);
        var level = Math.Round(steps);
        return level >= 0 && level < Levels && Math.Abs(steps - level) <= 1e-5 ? (int)level : null;
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Name} in {Lowest}..{Highest}, {Levels} levels");
}
