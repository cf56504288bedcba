namespace OnlinePolicyAdaptation.Domain;

/// <summary>
/// Whole numbers next to a result of floating-point arithmetic. A result that is whole but for rounding errors is taken for
/// that whole number: 0.3 / 0.1 is 3, though it comes out below.
/// </summary>
internal static class WholeNumber
{
    /// <summary>The largest whole number that is not above a value.</summary>
    public static long Floor(double value) => IsWhole(value, out var nearest) ? nearest : (long)Math.Floor(value);

    /// <summary>The smallest whole number that is not below a value.</summary>
    public static long Ceiling(double value) => IsWhole(value, out var nearest) ? nearest : (long)Math.Ceiling(value);

    /// <summary>The bound is far below what is meant by a fraction and some units in the last place above it.</summary>
    private static bool IsWhole(double value, out long nearest)
    {
        var rounded = Math.Round(value);
        nearest = (long)rounded;
        return Math.Abs(value - rounded) <= Math.Max(1e-9, 1e-15 * Math.Abs(value));
    }
}
