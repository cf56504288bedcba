namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>Count, mean and spread of values seen one at a time.</summary>
/// <remarks>
/// A mutable struct: keep it in a field or an array element. Updating as in Welford, "Note on a method for calculating
/// corrected sums of squares and products", Technometrics 4 (1962), which loses no digits when the spread is small.
/// </remarks>
public struct Moments
{
    private double _squares;

    public long Count { get; private set; }

    /// <summary>Zero where there are no values.</summary>
    public double Mean { get; private set; }

    /// <summary>Of the values themselves (divided by their count); zero where there are none.</summary>
    public readonly double StandardDeviation => Count > 0 ? Math.Sqrt(_squares / Count) : 0;

    public void Add(double value)
    {
        var delta = value - Mean;
        Mean += delta / ++Count;
        _squares += delta * (value - Mean);
    }
}
