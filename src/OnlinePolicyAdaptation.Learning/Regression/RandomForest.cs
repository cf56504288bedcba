using System.Buffers;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>Regression by random forest (Breiman, 2001): the mean of many trees, each grown on its own bootstrap.</summary>
/// <remarks>
/// Several targets share the trees. Each target is standardised for the choice of splits, so that none decides them by
/// its variance alone; predictions are in the units of the targets and within the range of their values. The same
/// training set, options and key give the same forest, bit for bit, on any number of threads and in any order of rows.
/// Trees stand in the order of their age, the oldest first. Immutable, thread-safe.
/// </remarks>
public sealed class RandomForest
{
    private readonly RegressionTree[] _trees;
    private readonly double[] _lowest;
    private readonly double[] _highest;

    internal RandomForest(
        EquatableArray<string> featureNames,
        EquatableArray<string> targetNames,
        ForestOptions options,
        RandomKey key,
        RegressionTree[] trees
    )
    {
        FeatureNames = featureNames;
        TargetNames = targetNames;
        Options = options;
        Key = key;
        _trees = trees;
        (_lowest, _highest) = Ranges(trees, targetNames.Count);
    }

    /// <summary>The features that a prediction takes, in this order.</summary>
    public EquatableArray<string> FeatureNames { get; }

    /// <summary>The targets that a prediction gives, in this order.</summary>
    public EquatableArray<string> TargetNames { get; }

    public ForestOptions Options { get; }

    public RandomKey Key { get; }

    internal ReadOnlySpan<RegressionTree> Trees => _trees;

    /// <summary>Fits a forest; tree t grows from the key's child t.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The options ask for more features per split than there are.</exception>
    public static RandomForest Fit(TrainingSet set, ForestOptions options, RandomKey key) =>
        Fit(set, options, key, mergeRows: true);

    internal static RandomForest Fit(TrainingSet set, ForestOptions options, RandomKey key, bool mergeRows)
    {
        if (options.FeaturesPerSplit > set.FeatureNames.Count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.FeaturesPerSplit,
                $"FeaturesPerSplit is {options.FeaturesPerSplit}, expected at most {set.FeatureNames.Count}"
            );
        }
        var trees = Grow(DistinctRows.Of(set, mergeRows), options, options.Trees, key);
        return new(set.FeatureNames, set.TargetNames, options, key, trees);
    }

    /// <summary>
    /// The forest with its oldest trees replaced by trees grown on a set of now: a refit at the share of its cost. New tree t
    /// grows from the key's child t. Replacing all trees is fitting anew.
    /// </summary>
    /// <param name="set">Samples of the same features and targets.</param>
    /// <param name="trees">How many to replace, from 1 to all.</param>
    /// <param name="key">A new one for each refit; it becomes the forest's.</param>
    /// <exception cref="ArgumentException">The set has other features or targets, or there are not so many trees.</exception>
    public RandomForest Regrow(TrainingSet set, int trees, RandomKey key)
    {
        if (set.FeatureNames != FeatureNames || set.TargetNames != TargetNames)
        {
            throw new ArgumentException(
                $"rows give {set.TargetNames} at {set.FeatureNames}, expected {TargetNames} at {FeatureNames}",
                nameof(set)
            );
        }
        if (trees < 1 || trees > _trees.Length)
        {
            throw new ArgumentException($"{trees} trees to replace, expected 1 to {_trees.Length}", nameof(trees));
        }
        var grown = Grow(DistinctRows.Of(set, merge: true), Options, trees, key);
        return new(FeatureNames, TargetNames, Options, key, [.. _trees.AsSpan(trees), .. grown]);
    }

    /// <summary>The estimate at one row of features. Allocates nothing.</summary>
    /// <param name="features">One per feature name; NaN goes left at every split.</param>
    /// <param name="outputs">Receives one number per target name.</param>
    /// <exception cref="ArgumentException">A length differs.</exception>
    public void Predict(ReadOnlySpan<double> features, Span<double> outputs)
    {
        CheckLength(features.Length, FeatureNames.Count, nameof(features));
        CheckLength(outputs.Length, TargetNames.Count, nameof(outputs));
        outputs.Clear();
        foreach (var tree in _trees)
        {
            tree.Add([tree.LeafOf(features)], outputs);
        }
        Average(outputs);
    }

    /// <summary>The estimate at one row of features, and how far the trees disagree about it. Allocates nothing.</summary>
    /// <param name="features">One per feature name; NaN goes left at every split.</param>
    /// <param name="outputs">Receives one number per target name, the same as without <paramref name="deviations"/>.</param>
    /// <param name="deviations">
    /// Receives the standard deviation of the trees' values of each target: what the choice of the samples left open. It does
    /// not tell of noise that all trees have averaged out.
    /// </param>
    /// <exception cref="ArgumentException">A length differs.</exception>
    public void Predict(ReadOnlySpan<double> features, Span<double> outputs, Span<double> deviations)
    {
        CheckLength(deviations.Length, TargetNames.Count, nameof(deviations));
        Predict(features, outputs);
        deviations.Clear();
        foreach (var tree in _trees)
        {
            tree.AddSquares([tree.LeafOf(features)], outputs, deviations);
        }
        Spread(deviations);
    }

    /// <summary>
    /// The estimates at many rows of features, the same bits as row by row and sooner: one tree after another, while it is
    /// at hand. What it needs room for is pooled, so that it allocates nothing once it was called.
    /// </summary>
    /// <param name="features"><c>[rows, features]</c>, row by row; no row is fine.</param>
    /// <param name="outputs">Receives <c>[rows, outputs]</c>, row by row.</param>
    /// <exception cref="ArgumentException">A length differs.</exception>
    public void PredictRows(ReadOnlySpan<double> features, Span<double> outputs)
    {
        var rows = Rows(features, outputs.Length, nameof(outputs));
        var room = ArrayPool<int>.Shared.Rent(rows);
        var leaves = room.AsSpan(0, rows);
        outputs.Clear();
        foreach (var tree in _trees)
        {
            tree.LeavesOf(features, FeatureNames.Count, leaves);
            tree.Add(leaves, outputs);
        }
        ArrayPool<int>.Shared.Return(room);
        AverageRows(outputs);
    }

    /// <summary>
    /// The estimates at many rows of features and how far the trees disagree about them, the same bits as row by row. Pooled as
    /// without <paramref name="deviations"/>.
    /// </summary>
    /// <param name="features"><c>[rows, features]</c>, row by row; no row is fine.</param>
    /// <param name="outputs">Receives <c>[rows, outputs]</c>, row by row.</param>
    /// <param name="deviations">Receives <c>[rows, outputs]</c>, row by row.</param>
    /// <exception cref="ArgumentException">A length differs.</exception>
    public void PredictRows(ReadOnlySpan<double> features, Span<double> outputs, Span<double> deviations)
    {
        var rows = Rows(features, outputs.Length, nameof(outputs));
        CheckLength(deviations.Length, outputs.Length, nameof(deviations));
        var room = ArrayPool<int>.Shared.Rent(rows * _trees.Length);
        outputs.Clear();
        for (var tree = 0; tree < _trees.Length; tree++)
        {
            var leaves = room.AsSpan(tree * rows, rows);
            _trees[tree].LeavesOf(features, FeatureNames.Count, leaves);
            _trees[tree].Add(leaves, outputs);
        }
        AverageRows(outputs);
        deviations.Clear();
        for (var tree = 0; tree < _trees.Length; tree++)
        {
            _trees[tree].AddSquares(room.AsSpan(tree * rows, rows), outputs, deviations);
        }
        ArrayPool<int>.Shared.Return(room);
        Spread(deviations);
    }

    private static RegressionTree[] Grow(DistinctRows rows, ForestOptions options, int count, RandomKey key)
    {
        var trees = new RegressionTree[count];
        if (options.Threads == 1)
        {
            var grower = new TreeGrower(rows, options);
            for (var tree = 0; tree < trees.Length; tree++)
            {
                trees[tree] = grower.Grow(key.Split(tree));
            }
        }
        else
        {
            Parallel.For(
                0,
                trees.Length,
                new ParallelOptions { MaxDegreeOfParallelism = options.Threads },
                () => new TreeGrower(rows, options),
                (tree, _, grower) =>
                {
                    trees[tree] = grower.Grow(key.Split(tree));
                    return grower;
                },
                _ => { }
            );
        }
        return trees;
    }

    /// <summary>The mean of a sum over the trees, kept from leaving the range of their values by rounding.</summary>
    private void Average(Span<double> outputs)
    {
        for (var i = 0; i < outputs.Length; i++)
        {
            outputs[i] = Math.Clamp(outputs[i] / _trees.Length, _lowest[i], _highest[i]);
        }
    }

    private void AverageRows(Span<double> outputs)
    {
        for (; !outputs.IsEmpty; outputs = outputs[TargetNames.Count..])
        {
            Average(outputs[..TargetNames.Count]);
        }
    }

    /// <summary>The number of rows, for which there has to be room.</summary>
    private int Rows(ReadOnlySpan<double> features, int length, string name)
    {
        var rows = features.Length / FeatureNames.Count;
        CheckLength(features.Length, rows * FeatureNames.Count, nameof(features));
        CheckLength(length, rows * TargetNames.Count, name);
        return rows;
    }

    /// <summary>From sums of squares over the trees to standard deviations.</summary>
    private void Spread(Span<double> deviations)
    {
        for (var i = 0; i < deviations.Length; i++)
        {
            deviations[i] = Math.Sqrt(deviations[i] / _trees.Length);
        }
    }

    private static (double[] Lowest, double[] Highest) Ranges(RegressionTree[] trees, int outputs)
    {
        var lowest = new double[outputs];
        var highest = new double[outputs];
        Array.Fill(lowest, double.PositiveInfinity);
        Array.Fill(highest, double.NegativeInfinity);
        foreach (var tree in trees)
        {
            for (var output = 0; output < outputs; output++)
            {
                lowest[output] = Math.Min(lowest[output], tree.Lowest(output));
                highest[output] = Math.Max(highest[output], tree.Highest(output));
            }
        }
        return (lowest, highest);
    }

    private static void CheckLength(int length, int expected, string name)
    {
        if (length != expected)
        {
            throw new ArgumentException($"{length} {name} given, expected {expected}", name);
        }
    }
}
