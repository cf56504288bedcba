using System.Numerics;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>One target as a whole number of units from the middle of its range, so that sums of it are exact.</summary>
/// <remarks>
/// The unit is a power of two, the smallest for which the sum over all draws of a tree stays within 2^53 and is therefore
/// exact in a double, whatever the order of summation: rows merged before or after, on one thread or many, give the same
/// bits. A target keeps 52 bits less those of the number of draws: 40 for 3,600 rows. Multiplying a target by a power of
/// two leaves its units as they are. A range below 1e-300 loses more, down to counting as constant.
/// </remarks>
/// <param name="Lowest">The lowest target.</param>
/// <param name="Highest">The highest target.</param>
/// <param name="Unit">A power of two.</param>
internal readonly record struct FixedPoint(double Lowest, double Highest, double Unit)
{
    private const int ExactBits = 53;
    private const int LowestExponent = -1000;

    private double Centre => (Lowest / 2) + (Highest / 2);

    /// <summary>The finest unit for targets within a range and a number of draws, at least 1.</summary>
    public static FixedPoint Finest(double lowest, double highest, int draws)
    {
        var halfRange = (highest / 2) - (lowest / 2);
        var exponent = halfRange == 0 ? 0 : Math.ILogB(halfRange) + 1 + CeilingLog2(draws) - ExactBits;
        return new(lowest, highest, Math.ScaleB(1, Math.Max(exponent, LowestExponent)));
    }

    /// <summary>The whole number of units nearest to a target.</summary>
    public double ToUnits(double target) => Math.Round((target - Centre) / Unit);

    /// <summary>The target that a mean in units stands for, within the range.</summary>
    public double FromUnits(double mean) => Math.Clamp(Centre + (mean * Unit), Lowest, Highest);

    private static int CeilingLog2(int n) => n == 1 ? 0 : BitOperations.Log2((uint)(n - 1)) + 1;
}
