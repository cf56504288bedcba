namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>
/// A node's rows in two: the feature's bins up to <c>LastLeft</c>, and those from <c>FirstRight</c> on. The gain is that of
/// <see cref="Histogram"/>, above 0 where the split exists.
/// </summary>
internal readonly record struct Split(int Feature, int LastLeft, int FirstRight, double Gain)
{
    /// <summary>What every split that gains anything is better than.</summary>
    public static Split None => new(-1, 0, 0, 0);

    public bool Exists => Feature >= 0;

    /// <summary>Halfway between two neighbouring values; the lower one where a double has nothing between them.</summary>
    public static double Threshold(double low, double high)
    {
        var middle = (low / 2) + (high / 2);
        return middle >= low && middle < high ? middle : low;
    }
}
