using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>How well a forest estimates rows that it was not fitted to, one entry per target.</summary>
/// <remarks>Every row counts by its weight. With y the target, f the estimate and m the mean of y:</remarks>
/// <param name="Nmae">
/// Normalised mean absolute error, sum |y - f| / sum |y|: 0 is perfect. Where every y is 0 it is 0 if every f is too, and
/// positive infinity otherwise, so that a bound on it still tells good from poor.
/// </param>
/// <param name="R2">
/// Coefficient of determination, 1 - sum (y - f)^2 / sum (y - m)^2: 1 is perfect, 0 no better than the mean. Where y does
/// not vary it is 1 if every f is equal to y and 0 otherwise.
/// </param>
/// <param name="Rows">Number of rows of positive weight it was measured on.</param>
public sealed record FitQuality(EquatableArray<double> Nmae, EquatableArray<double> R2, int Rows)
{
    private const int HeldOutFraction = 5;

    /// <summary>
    /// The quality of the forest of these options, fitted to four fifths of the rows and measured on the other fifth
    /// (rounded up).
    /// </summary>
    /// <param name="set">At least two rows of positive weight; the others are not used.</param>
    /// <param name="options">How the forest is grown.</param>
    /// <param name="key">Its first child shuffles the rows, its second fits the forest.</param>
    /// <exception cref="ArgumentException">Fewer rows of positive weight.</exception>
    public static FitQuality OnHeldOut(TrainingSet set, ForestOptions options, RandomKey key)
    {
        var rows = set.WeightedRows();
        if (rows.Length < 2)
        {
            throw new ArgumentException(
                "one row of positive weight given, expected two: one to fit, one to test",
                nameof(set)
            );
        }
        var random = key.Split(0).Sequence();
        random.Shuffle(rows.AsSpan());
        var heldOut = (rows.Length + HeldOutFraction - 1) / HeldOutFraction;
        var forest = RandomForest.Fit(set.Select(rows.AsSpan(heldOut)), options, key.Split(1));
        return On(forest, set.Select(rows.AsSpan(0, heldOut)));
    }

    /// <summary>The quality of a forest on unseen rows.</summary>
    /// <exception cref="ArgumentException">The rows have other features or targets than the forest.</exception>
    public static FitQuality On(RandomForest forest, TrainingSet unseen)
    {
        if (unseen.FeatureNames != forest.FeatureNames || unseen.TargetNames != forest.TargetNames)
        {
            throw new ArgumentException(
                $"rows give {unseen.TargetNames} at {unseen.FeatureNames}, "
                    + $"expected {forest.TargetNames} at {forest.FeatureNames}",
                nameof(unseen)
            );
        }
        var rows = unseen.WeightedRows();
        var estimates = new double[rows.Length * unseen.TargetNames.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            var outputs = estimates.AsSpan(i * unseen.TargetNames.Count, unseen.TargetNames.Count);
            forest.Predict(unseen.Features(rows[i]), outputs);
        }
        var errors = Enumerable
            .Range(0, unseen.TargetNames.Count)
            .Select(output => Errors(unseen, rows, estimates, output))
            .ToArray();
        return new(
            errors.Select(error => error.Nmae).ToEquatableArray(),
            errors.Select(error => error.R2).ToEquatableArray(),
            rows.Length
        );
    }

    private static (double Nmae, double R2) Errors(TrainingSet set, int[] rows, double[] estimates, int output)
    {
        double weight = 0,
            sum = 0;
        foreach (var row in rows)
        {
            weight += set.Weight(row);
            sum += set.Weight(row) * set.Targets(row)[output];
        }
        double error = 0,
            magnitude = 0,
            residual = 0,
            spread = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            var target = set.Targets(rows[i])[output];
            var deviation = target - estimates[(i * set.TargetNames.Count) + output];
            error += set.Weight(rows[i]) * Math.Abs(deviation);
            magnitude += set.Weight(rows[i]) * Math.Abs(target);
            residual += set.Weight(rows[i]) * deviation * deviation;
            spread += set.Weight(rows[i]) * Math.Pow(target - (sum / weight), 2);
        }
        return (
            error == 0 ? 0 : error / magnitude,
            residual == 0 ? 1
            : spread == 0 ? 0
            : 1 - (residual / spread)
        );
    }
}
