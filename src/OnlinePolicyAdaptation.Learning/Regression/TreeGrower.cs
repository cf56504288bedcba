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
    private readonly Vector128<double>[] _rowSums;
    private readonly Vector128<double>[] _totals;
    private readonly int[] _order;
    private readonly int[] _featureOrder;

    private readonly Node[] _nodes;
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
        _histogram = new(rows.FeatureValues.Max(values => values.Length), rows.SplitWeights);
        _drawn = new int[rows.Starts[^1]];
        _rowSums = new Vector128<double>[rows.Count * rows.Lanes];
        _totals = new Vector128<double>[rows.Lanes];
        _order = new int[rows.Count];
        _featureOrder = new int[rows.Features];
        _nodes = new Node[(2 * rows.Count) - 1];
        _nodeFeatures = new int[_nodes.Length];
        _thresholds = new double[rows.Count - 1];
        _leafValues = new double[rows.Count * rows.Outputs];
    }

    /// <summary>The tree of a key, whose first child draws the samples; the second is the root's, for its features.</summary>
    public RegressionTree Grow(RandomKey key)
    {
        (_nodeCount, _splitCount, _leafCount) = (0, 0, 0);
        AddNode(new(0, Draw(key.Split(0)), 0, key.Split(1), default));
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

    private Vector128<double> SumOfDraws(int start, int end, int lane)
    {
        var drawn = _drawn.AsSpan(start..end);
        var samples = _rows.SampleLanes.AsSpan(start * _rows.Lanes, drawn.Length * _rows.Lanes);
        var sum = Vector128<double>.Zero;
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
        Sum(rows);
        var constant = node.Constant;
        var split = MayBeSplit(node) ? Search(rows, node.Key, ref constant) : Split.None;
        if (!split.Exists)
        {
            AddLeaf(index);
            return;
        }
        var middle = node.Start + Partition(rows, _rows.Bins[split.Feature], split.LastLeft);
        var values = _rows.FeatureValues[split.Feature];
        _nodeFeatures[index] = split.Feature;
        _thresholds[_splitCount++] = Split.Threshold(values[split.LastLeft], values[split.FirstRight]);
        AddNode(new(node.Start, middle, node.Depth + 1, node.Key.Split(0), constant));
        AddNode(new(middle, node.End, node.Depth + 1, node.Key.Split(1), constant));
    }

    private void Sum(ReadOnlySpan<int> rows)
    {
        var totals = _totals.AsSpan();
        totals.Clear();
        foreach (var row in rows)
        {
            for (var lane = 0; lane < totals.Length; lane++)
            {
                totals[lane] += _rowSums[(row * totals.Length) + lane];
            }
        }
    }

    private bool MayBeSplit(in Node node) =>
        node.End - node.Start > 1
        && _totals[0].ToScalar() >= 2.0 * _options.MinSamplesLeaf
        && !(node.Depth >= _options.MaxDepth);

    private Split Search(ReadOnlySpan<int> rows, RandomKey key, ref FeatureSet constant) =>
        _options.FeaturesPerSplit < _rows.Features
            ? SearchSome(rows, key, ref constant)
            : SearchAll(rows, ref constant);

    private Split SearchAll(ReadOnlySpan<int> rows, ref FeatureSet constant)
    {
        var best = Split.None;
        for (var feature = 0; feature < _rows.Features; feature++)
        {
            SearchFeature(feature, rows, ref constant, ref best);
        }
        return best;
    }

    /// <summary>Looks through features in a random order until enough of them have varied.</summary>
    private Split SearchSome(ReadOnlySpan<int> rows, RandomKey key, ref FeatureSet constant)
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
            missing -= SearchFeature(order[i], rows, ref constant, ref best) ? 1 : 0;
        }
        return best;
    }

    /// <summary>Improves on the best split so far, and notes a feature that does not vary.</summary>
    private bool SearchFeature(int feature, ReadOnlySpan<int> rows, ref FeatureSet constant, ref Split best)
    {
        if (constant.Contains(feature))
        {
            return false;
        }
        _histogram.Fill(rows, _rows.Bins[feature], _rowSums);
        var varies = _histogram.Search(feature, _totals, _options.MinSamplesLeaf, ref best);
        constant = varies ? constant : constant.With(feature);
        return varies;
    }

    /// <summary>Moves the rows of the left side before the others; sums are exact, so their order does not matter.</summary>
    /// <returns>The number of rows on the left.</returns>
    private static int Partition(Span<int> rows, ReadOnlySpan<int> binOfRow, int lastLeft)
    {
        var left = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            var row = rows[i];
            rows[i] = rows[left];
            rows[left] = row;
            left += binOfRow[row] <= lastLeft ? 1 : 0;
        }
        return left;
    }

    private void AddNode(in Node node) => _nodes[_nodeCount++] = node;

    private void AddLeaf(int index)
    {
        _nodeFeatures[index] = RegressionTree.Leaf;
        var totals = MemoryMarshal.Cast<Vector128<double>, double>(_totals.AsSpan());
        for (var output = 0; output < _rows.Outputs; output++)
        {
            _leafValues[(_leafCount * _rows.Outputs) + output] = _rows
                .Scales[output]
                .FromUnits(totals[1 + output] / totals[0]);
        }
        _leafCount++;
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
