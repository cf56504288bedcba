namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>The factors of a node that are told apart: by their logarithms, evenly. A node of factor 2 takes twice as long.</summary>
public static class FactorGrid
{
    private const double Lowest = -1.0;

    /// <summary>From one logarithm to the next.</summary>
    public const double Step = 0.05;

    /// <summary>How many there are: factors from 0.37 to 4.95.</summary>
    public const int Points = 53;

    /// <summary>Where the factor is 1.</summary>
    public const int Unchanged = 20;

    /// <summary>The logarithm of a factor.</summary>
    public static double Log(int point) => Lowest + (Step * point);

    /// <summary>The law by which a node of factor g takes g times as long: the logarithms themselves.</summary>
    public static double[] PlainLaw() => [.. Enumerable.Range(0, Points).Select(Log)];

    /// <summary>A law between its points, at the logarithm of a factor; at its ends beyond them.</summary>
    public static double At(ReadOnlySpan<double> law, double log)
    {
        var place = Math.Clamp((log - Lowest) / Step, 0, Points - 1);
        var below = Math.Min((int)place, Points - 2);
        return law[below] + ((place - below) * (law[below + 1] - law[below]));
    }
}
