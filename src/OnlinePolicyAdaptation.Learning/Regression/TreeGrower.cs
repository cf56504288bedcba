using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>Grows regression trees by CART (Breiman, Friedman, Olshen, Stone, 1984) on bootstraps of one set of rows.</summary>
/// <remarks>
/// A node is split where the variance of its draws falls most, the variances of several outputs being added after each
/// target is standardised over the training set. Of equal splits the one of the lowest feature wins, then of the lowest
/// threshold. A node becomes a leaf when no split lowers the variance or the options allow none; it holds the mean of its
/// draws. An instance is the working memory of one thread: growing a tree allocates the tree alone.
/// </remarks>
internal sealed class TreeGrower
{
    private readonly DistinctRows _rows;
    private readonly ForestOptions _options;
    private readonly Histogram _histogram;

    private readonly int[] _drawn;
    private readonly Vector256<double>[] _rowSums;
    private readonly int[] _order;
    private readonly int[] _featureOrder;
    private readonly FeatureSet _constant;

    private readonly Node[] _nodes;
    private readonly Vector256<double>[] _nodeSums;
    private readonly int[] _nodeFeatures;
    private readonly double[] _thresholds;
    private readonly double[] _leafValues;
    private int _nodeCount;
    private int _splitCount;
    private int _leafCount;

    public TreeGrower(DistinctRows rows, ForestOptions options)
    {
        _rows = rows;
        _options = options;
        _histogram = new(rows);
        _drawn = new int[rows.Starts[^1]];
        _rowSums = new Vector256<double>[rows.Count * rows.Lanes];
        _order = new int[rows.Count];
        _featureOrder = new int[rows.Features];
        _constant = Constant(rows);
        _nodes = new Node[(2 * rows.Count) - 1];
        _nodeSums = new Vector256<double>[_nodes.Length * rows.Lanes];
        _nodeFeatures = new int[_nodes.Length];
        _thresholds = new double[rows.Count - 1];
        _leafValues = new double[rows.Count * rows.Outputs];
    }

    /// <summary>The tree of a key, whose first child draws the samples; the second is the root's, for its features.</summary>
    public RegressionTree Grow(RandomKey key)
    {
        (_nodeCount, _splitCount, _leafCount) = (0, 0, 0);
        AddNode(new(0, Draw(key.Split(0)), 0, key.Split(1), _constant));
        Sum(_order.AsSpan(0, _nodes[0].End), Sums(0));
        for (var node = 0; node < _nodeCount; node++)
        {
            Expand(node);
        }
        return new(
            _nodeFeatures.AsSpan(0, _nodeCount),
            _thresholds.AsSpan(0, _splitCount),
            _leafValues.AsSpan(0, _leafCount * _rows.Outputs),
            _rows.Outputs
        );
    }

    /// <summary>Draws samples, sums them by row, and lists the rows drawn.</summary>
    /// <returns>The number of rows drawn.</returns>
    private int Draw(RandomKey key)
    {
        _rows.Bootstrap.Draw(key, _drawn);
        var count = 0;
        for (var row = 0; row < _rows.Count; row++)
        {
            for (var lane = 0; lane < _rows.Lanes; lane++)
            {
                _rowSums[(row * _rows.Lanes) + lane] = SumOfDraws(_rows.Starts[row], _rows.Starts[row + 1], lane);
            }
            if (_rowSums[row * _rows.Lanes].ToScalar() > 0)
            {
                _order[count++] = row;
            }
        }
        return count;
    }

    private Vector256<double> SumOfDraws(int start, int end, int lane)
    {
        var drawn = _drawn.AsSpan(start..end);
        var samples = _rows.SampleLanes.AsSpan(start * _rows.Lanes, drawn.Length * _rows.Lanes);
        var sum = Vector256<double>.Zero;
        for (var i = 0; i < drawn.Length; i++)
        {
            sum += samples[(i * _rows.Lanes) + lane] * drawn[i];
        }
        return sum;
    }

    private void Expand(int index)
    {
        var node = _nodes[index];
        var rows = _order.AsSpan(node.Start, node.End - node.Start);
        var sums = Sums(index);
        var constant = node.Constant;
        var split = MayBeSplit(node, sums) ? Search(rows, sums, node.Key, ref constant) : Split.None;
        if (!split.Exists)
        {
            AddLeaf(index, sums);
            return;
        }
        var left = Partition(rows, split);
        var middle = node.Start + left;
        _nodeFeatures[index] = split.Feature;
        _thresholds[_splitCount++] = Split.Threshold(
            _rows.ValueOf(split.Feature, split.LastLeft),
            _rows.ValueOf(split.Feature, split.FirstRight)
        );
        SumSides(rows[..left], rows[left..], sums);
        AddNode(new(node.Start, middle, node.Depth + 1, node.Key.Split(0), constant));
        AddNode(new(middle, node.End, node.Depth + 1, node.Key.Split(1), constant));
    }

    /// <summary>The sums of the next two nodes: those of the smaller side are added up, and the other has the rest.</summary>
    private void SumSides(ReadOnlySpan<int> left, ReadOnlySpan<int> right, ReadOnlySpan<Vector256<double>> all)
    {
        var (smaller, larger) =
            left.Length < right.Length ? (_nodeCount, _nodeCount + 1) : (_nodeCount + 1, _nodeCount);
        var sums = Sums(smaller);
        Sum(left.Length < right.Length ? left : right, sums);
        var rest = Sums(larger);
        for (var lane = 0; lane < rest.Length; lane++)
        {
            rest[lane] = all[lane] - sums[lane];
        }
    }

    private void Sum(ReadOnlySpan<int> rows, Span<Vector256<double>> sums)
    {
        sums.Clear();
        foreach (var row in rows)
        {
            for (var lane = 0; lane < sums.Length; lane++)
            {
                sums[lane] += _rowSums[(row * sums.Length) + lane];
            }
        }
    }

    private Span<Vector256<double>> Sums(int node) => _nodeSums.AsSpan(node * _rows.Lanes, _rows.Lanes);

    private bool MayBeSplit(in Node node, ReadOnlySpan<Vector256<double>> sums) =>
        node.End - node.Start > 1
        && sums[0].ToScalar() >= 2.0 * _options.MinSamplesLeaf
        && !(node.Depth >= _options.MaxDepth);

    private Split Search(
        ReadOnlySpan<int> rows,
        ReadOnlySpan<Vector256<double>> sums,
        RandomKey key,
        ref FeatureSet constant
    ) =>
        _options.FeaturesPerSplit < _rows.Features ? SearchSome(rows, sums, key, ref constant)
        : rows.Length == 2 ? SearchPair(rows[0], rows[1], sums)
        : SearchAll(rows, sums, ref constant);

    private Split SearchAll(ReadOnlySpan<int> rows, ReadOnlySpan<Vector256<double>> sums, ref FeatureSet constant)
    {
        var count = 0;
        for (var feature = 0; feature < _rows.Features; feature++)
        {
            if (!constant.Contains(feature))
            {
                _featureOrder[count++] = feature;
            }
        }
        var features = _featureOrder.AsSpan(0, count);
        _histogram.Fill(rows, features, _rowSums);
        var best = Split.None;
        foreach (var feature in features)
        {
            SearchFeature(feature, sums, ref constant, ref best);
        }
        return best;
    }

    /// <summary>What looking through all features finds in two rows: they part by the first feature that they differ in.</summary>
    private Split SearchPair(int rowA, int rowB, ReadOnlySpan<Vector256<double>> sums)
    {
        var a = _rowSums.AsSpan(rowA * _rows.Lanes, _rows.Lanes);
        var draws = a[0].ToScalar();
        if (Math.Min(draws, sums[0].ToScalar() - draws) < _options.MinSamplesLeaf)
        {
            return Split.None;
        }
        var gain = _histogram.Gain(a, sums);
        var binsA = _rows.BinsOf(rowA);
        var binsB = _rows.BinsOf(rowB);
        for (var feature = 0; gain > 0 && feature < binsA.Length; feature++)
        {
            if (binsA[feature] != binsB[feature])
            {
                return new(
                    feature,
                    Math.Min(binsA[feature], binsB[feature]),
                    Math.Max(binsA[feature], binsB[feature]),
                    gain
                );
            }
        }
        return Split.None;
    }

    /// <summary>Looks through features in a random order until enough of them have varied.</summary>
    private Split SearchSome(
        ReadOnlySpan<int> rows,
        ReadOnlySpan<Vector256<double>> sums,
        RandomKey key,
        ref FeatureSet constant
    )
    {
        var best = Split.None;
        var missing = _options.FeaturesPerSplit;
        var random = key.Sequence();
        var order = _featureOrder.AsSpan();
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }
        for (var i = 0; i < order.Length && missing > 0; i++)
        {
            var chosen = i + random.NextInt(order.Length - i);
            (order[i], order[chosen]) = (order[chosen], order[i]);
            if (!constant.Contains(order[i]))
            {
                _histogram.Fill(rows, order.Slice(i, 1), _rowSums);
                missing -= SearchFeature(order[i], sums, ref constant, ref best) ? 1 : 0;
            }
        }
        return best;
    }

    /// <summary>Improves on the best split so far, and notes a feature that does not vary.</summary>
    private bool SearchFeature(
        int feature,
        ReadOnlySpan<Vector256<double>> sums,
        ref FeatureSet constant,
        ref Split best
    )
    {
        var varies = _histogram.Search(feature, sums, _options.MinSamplesLeaf, ref best);
        constant = varies ? constant : constant.With(feature);
        return varies;
    }

    /// <summary>Moves the rows of the left side before the others; sums are exact, so their order does not matter.</summary>
    /// <returns>The number of rows on the left.</returns>
    private int Partition(Span<int> rows, Split split)
    {
        var left = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            var row = rows[i];
            rows[i] = rows[left];
            rows[left] = row;
            left += _rows.BinsOf(row)[split.Feature] <= split.LastLeft ? 1 : 0;
        }
        return left;
    }

    private void AddNode(in Node node) => _nodes[_nodeCount++] = node;

    private void AddLeaf(int index, ReadOnlySpan<Vector256<double>> sums)
    {
        _nodeFeatures[index] = RegressionTree.Leaf;
        var totals = MemoryMarshal.Cast<Vector256<double>, double>(sums);
        for (var output = 0; output < _rows.Outputs; output++)
        {
            _leafValues[(_leafCount * _rows.Outputs) + output] = _rows
                .Scales[output]
                .FromUnits(totals[1 + output] / totals[0]);
        }
        _leafCount++;
    }

    /// <summary>The features that have one value in all rows.</summary>
    private static FeatureSet Constant(DistinctRows rows)
    {
        var constant = default(FeatureSet);
        for (var feature = 0; feature < rows.Features; feature++)
        {
            constant = rows.BinValues[feature].Length == 1 ? constant.With(feature) : constant;
        }
        return constant;
    }

    /// <summary>
    /// A node: its rows are those from <c>Start</c> up to before <c>End</c> in the tree's order, and do not vary in the
    /// <c>Constant</c> features.
    /// </summary>
    private readonly record struct Node(int Start, int End, int Depth, RandomKey Key, FeatureSet Constant);

    /// <summary>A set of the first 64 features; others are never in it.</summary>
    private readonly record struct FeatureSet(ulong Bits)
    {
        public bool Contains(int feature) => feature < 64 && ((Bits >> feature) & 1) != 0;

        public FeatureSet With(int feature) => feature < 64 ? new(Bits | (1UL << feature)) : this;
    }
}
