using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>The loads at which a system was recorded, each one rate per service.</summary>
public static class LoadLevels
{
    /// <summary>The level nearest to some loads, by Euclidean distance; of two as near, the first.</summary>
    /// <param name="levels">At least one.</param>
    /// <param name="loads">One rate per service.</param>
    public static EquatableArray<RequestRate> Nearest(
        IReadOnlyList<EquatableArray<RequestRate>> levels,
        EquatableArray<RequestRate> loads
    )
    {
        ArgumentOutOfRangeException.ThrowIfZero(levels.Count, nameof(levels));
        var nearest = levels[0];
        var least = double.PositiveInfinity;
        foreach (var level in levels)
        {
            var distance = 0.0;
            for (var service = 0; service < loads.Count; service++)
            {
                var difference = level[service].PerSecond - loads[service].PerSecond;
                distance += difference * difference;
            }
            if (distance < least)
            {
                (nearest, least) = (level, distance);
            }
        }
        return nearest;
    }
}
