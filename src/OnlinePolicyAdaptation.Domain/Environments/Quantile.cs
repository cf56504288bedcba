namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>Quantiles of a sample.</summary>
public static class Quantile
{
    /// <summary>
    /// The value below which a fraction of the sample lies, interpolated between neighbours; 0 for no values.
    /// </summary>
    /// <remarks>
    /// Type 7 of Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996), the
    /// default of numpy: position <paramref name="fraction"/> * (count - 1) counted from 0.
    /// </remarks>
    /// <param name="sorted">The sample in ascending order.</param>
    /// <param name="fraction">In [0, 1]: 0 gives the smallest value, 1 the largest.</param>
    public static double OfSorted(ReadOnlySpan<double> sorted, double fraction)
    {
        if (sorted.IsEmpty)
        {
            return 0;
        }
        var position = fraction * (sorted.Length - 1);
        var below = (int)position;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }
}
