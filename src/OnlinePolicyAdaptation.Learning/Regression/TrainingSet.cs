using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>Weighted samples of a function to be estimated: rows of features, and the targets measured at them.</summary>
/// <remarks>
/// Features are <c>[samples, features]</c> and targets <c>[samples, outputs]</c>, both row by row. Every number is finite.
/// A weight counts rows: a row of weight 2 is that row twice, a row of weight 0 is no row. The order of the rows carries
/// no meaning. Checked once, in the constructor; immutable from then on.
/// </remarks>
public sealed class TrainingSet
{
    /// <summary>The largest sum of weights: 2^24, which leaves 29 bits to every target (<see cref="FixedPoint"/>).</summary>
    public const int MaxTotalWeight = 1 << 24;

    private readonly double[] _features;
    private readonly double[] _targets;
    private readonly double[] _weights;

    /// <summary>A training set in which every row weighs 1.</summary>
    /// <inheritdoc cref="TrainingSet(IReadOnlyList{string}, IReadOnlyList{string}, ReadOnlySpan{double}, ReadOnlySpan{double}, ReadOnlySpan{double})"/>
    public TrainingSet(
        IReadOnlyList<string> featureNames,
        IReadOnlyList<string> targetNames,
        ReadOnlySpan<double> features,
        ReadOnlySpan<double> targets
    )
        : this(featureNames, targetNames, features, targets, UnitWeights(targets.Length, targetNames.Count)) { }

    /// <param name="featureNames">Distinct and not blank, at least one.</param>
    /// <param name="targetNames">Distinct and not blank, at least one.</param>
    /// <param name="features"><c>[samples, features]</c>, row by row, finite, at least one row.</param>
    /// <param name="targets"><c>[samples, outputs]</c>, row by row, finite.</param>
    /// <param name="weights">
    /// One per row, finite, not negative; their sum above 0 and at most <see cref="MaxTotalWeight"/>.
    /// </param>
    /// <exception cref="ArgumentException">One of these does not hold; the message names the place and the value.</exception>
    public TrainingSet(
        IReadOnlyList<string> featureNames,
        IReadOnlyList<string> targetNames,
        ReadOnlySpan<double> features,
        ReadOnlySpan<double> targets,
        ReadOnlySpan<double> weights
    )
    {
        CheckNames(featureNames, "feature");
        CheckNames(targetNames, "target");
        CheckTable(features, weights.Length, featureNames, "feature");
        CheckTable(targets, weights.Length, targetNames, "target");
        CheckWeights(weights);
        FeatureNames = featureNames.ToEquatableArray();
        TargetNames = targetNames.ToEquatableArray();
        _features = features.ToArray();
        _targets = targets.ToArray();
        _weights = weights.ToArray();
    }

    private TrainingSet(TrainingSet all, ReadOnlySpan<int> rows)
    {
        FeatureNames = all.FeatureNames;
        TargetNames = all.TargetNames;
        _features = new double[rows.Length * FeatureNames.Count];
        _targets = new double[rows.Length * TargetNames.Count];
        _weights = new double[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            all.Features(rows[i]).CopyTo(_features.AsSpan(i * FeatureNames.Count));
            all.Targets(rows[i]).CopyTo(_targets.AsSpan(i * TargetNames.Count));
            _weights[i] = all.Weight(rows[i]);
        }
    }

    /// <summary>In the order of a row's features; distinct.</summary>
    public EquatableArray<string> FeatureNames { get; }

    /// <summary>In the order of a row's targets; distinct.</summary>
    public EquatableArray<string> TargetNames { get; }

    /// <summary>Number of rows, those of weight 0 included; at least 1.</summary>
    public int Count => _weights.Length;

    /// <summary>The features of one row, in the order of their names.</summary>
    public ReadOnlySpan<double> Features(int row) => _features.AsSpan(row * FeatureNames.Count, FeatureNames.Count);

    /// <summary>The targets of one row, in the order of their names.</summary>
    public ReadOnlySpan<double> Targets(int row) => _targets.AsSpan(row * TargetNames.Count, TargetNames.Count);

    /// <summary>How many rows a row stands for; not negative.</summary>
    public double Weight(int row) => _weights[row];

    /// <summary>The rows of positive weight, ascending; never empty.</summary>
    internal int[] WeightedRows()
    {
        var rows = new List<int>(Count);
        for (var row = 0; row < Count; row++)
        {
            if (_weights[row] > 0)
            {
                rows.Add(row);
            }
        }
        return [.. rows];
    }

    /// <summary>The given rows, at least one of them of positive weight.</summary>
    internal TrainingSet Select(ReadOnlySpan<int> rows) => new(this, rows);

    private static double[] UnitWeights(int targets, int outputs)
    {
        var weights = new double[targets / Math.Max(outputs, 1)];
        Array.Fill(weights, 1);
        return weights;
    }

    private static void CheckNames(IReadOnlyList<string> names, string kind)
    {
        if (names.Count == 0)
        {
            throw new ArgumentException($"no {kind} is named, expected at least one", $"{kind}Names");
        }
        for (var i = 0; i < names.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(names[i]))
            {
                throw new ArgumentException($"{kind} {i} has a blank name", $"{kind}Names");
            }
            for (var j = 0; j < i; j++)
            {
                if (names[i] == names[j])
                {
                    throw new ArgumentException($"{kind}s {j} and {i} are both named {names[i]}", $"{kind}Names");
                }
            }
        }
    }

    private static void CheckTable(ReadOnlySpan<double> values, int rows, IReadOnlyList<string> names, string kind)
    {
        if (values.Length != (long)rows * names.Count)
        {
            throw new ArgumentException(
                $"{values.Length} numbers given for {rows} rows of {names.Count} {kind}s",
                $"{kind}s"
            );
        }
        for (var i = 0; i < values.Length; i++)
        {
            if (!double.IsFinite(values[i]))
            {
                throw new ArgumentException(
                    $"{kind} {names[i % names.Count]} of row {i / names.Count} is {Invariant(values[i])}, expected a finite number",
                    $"{kind}s"
                );
            }
        }
    }

    private static void CheckWeights(ReadOnlySpan<double> weights)
    {
        if (weights.IsEmpty)
        {
            throw new ArgumentException("there is no row, expected at least one", nameof(weights));
        }
        var total = 0.0;
        for (var i = 0; i < weights.Length; i++)
        {
            if (!(weights[i] >= 0 && double.IsFinite(weights[i])))
            {
                throw new ArgumentException(
                    $"weight of row {i} is {Invariant(weights[i])}, expected a finite number, not negative",
                    nameof(weights)
                );
            }
            total += weights[i];
        }
        if (total is 0 or > MaxTotalWeight)
        {
            throw new ArgumentException(
                $"weights sum to {Invariant(total)}, expected more than 0 and at most {MaxTotalWeight}",
                nameof(weights)
            );
        }
    }

    private static string Invariant(double value) => FormattableString.Invariant($"{value}");
}
