namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>The noise of a service's response times around their predictions, in logarithms.</summary>
/// <param name="Deviation">Standard deviation of one measurement, above 0.</param>
/// <param name="Correlation">From one interval to the next, from 0 to below 1.</param>
public readonly record struct ResidualNoise(double Deviation, double Correlation)
{
    /// <summary>Of normal noise, the standard deviation over the median absolute deviation.</summary>
    private const double NormalMad = 1.4826;

    /// <summary>Noise below this is not believed: the surface is not better known.</summary>
    private const double Least = 0.01;

    /// <summary>The noise before anything is known, and what that guess counts, in measurements.</summary>
    private const double Guess = 0.1;
    private const double Guessed = 5;

    /// <summary>Pairs from which a correlation is read, at the least.</summary>
    private const int LeastPairs = 20;

    /// <summary>What taking off each configuration's own median hides of the correlation.</summary>
    private const double Hidden = 0.03;
    private const double HighestCorrelation = 0.97;

    /// <summary>Beyond so many deviations a pair does not count.</summary>
    private const double Outlier = 3;

    /// <summary>From residuals, with what is usual counting as a few measurements.</summary>
    /// <param name="residuals">Around their median; reordered.</param>
    /// <param name="usual">The standard deviation that is usual elsewhere.</param>
    public static double DeviationOf(Span<double> residuals, double usual)
    {
        for (var i = 0; i < residuals.Length; i++)
        {
            residuals[i] = Math.Abs(residuals[i]);
        }
        var own = residuals.Length == 0 ? 0 : NormalMad * Median(residuals);
        var count = residuals.Length;
        return Math.Max(Least, Math.Sqrt(((count * own * own) + (Guessed * usual * usual)) / (count + Guessed)));
    }

    /// <summary>The noise of a service by what was left over of it in each configuration.</summary>
    /// <param name="cells">Of each configuration, the residuals around their median with their intervals' numbers, ascending.</param>
    public static ResidualNoise Calibrate(IReadOnlyList<(int Interval, double Residual)[]> cells)
    {
        double[] deviations =
        [
            .. cells
                .Where(cell => cell.Length > 1)
                .Select(cell => DeviationOf(cell.Select(pair => pair.Residual).ToArray(), Guess)),
        ];
        var deviation = deviations.Length == 0 ? Guess : Median(deviations);
        return new(deviation, CorrelationOf(cells, deviation));
    }

    private static double CorrelationOf(IReadOnlyList<(int Interval, double Residual)[]> cells, double usual)
    {
        double product = 0,
            square = 0;
        var pairs = 0;
        foreach (var cell in cells)
        {
            var deviation = DeviationOf(cell.Select(pair => pair.Residual).ToArray(), usual);
            for (var i = 1; i < cell.Length; i++)
            {
                var (before, after) = (cell[i - 1].Residual / deviation, cell[i].Residual / deviation);
                if (
                    cell[i].Interval == cell[i - 1].Interval + 1
                    && Math.Abs(before) <= Outlier
                    && Math.Abs(after) <= Outlier
                )
                {
                    product += before * after;
                    square += 0.5 * ((before * before) + (after * after));
                    pairs++;
                }
            }
        }
        return pairs < LeastPairs || square <= 0 ? 0 : Math.Clamp((product / square) + Hidden, 0, HighestCorrelation);
    }

    /// <summary>The median of at least one number; reorders them.</summary>
    public static double Median(Span<double> values)
    {
        values.Sort();
        var middle = values.Length / 2;
        return values.Length % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
    }
}
