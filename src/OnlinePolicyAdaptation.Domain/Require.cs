namespace OnlinePolicyAdaptation.Domain;

/// <summary>
/// Checks of numbers at the public door: each gives the value back or throws, naming it and its bound.
/// </summary>
internal static class Require
{
    public static double Positive(double value, string name) =>
        double.IsFinite(value) && value > 0 ? value : throw Refused(value, name, "finite and above 0");

    public static double NotNegative(double value, string name) =>
        double.IsFinite(value) && value >= 0 ? value : throw Refused(value, name, "finite and at least 0");

    private static ArgumentOutOfRangeException Refused(double value, string name, string expected) =>
        new(name, value, FormattableString.Invariant($"{name} is {value}; expected {expected}"));
}
