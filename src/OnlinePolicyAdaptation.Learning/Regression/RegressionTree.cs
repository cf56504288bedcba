namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>A binary tree of splits that leads a row of features to a leaf and its value for every output.</summary>
/// <remarks>
/// One array per field of a node, nodes in breadth-first order. A split's two children are neighbours, and those of the
/// k-th split, from 0, are nodes 2k + 1 and 2k + 2: which nodes are leaves is all there is to a tree's shape, so that a
/// child out of range or a cycle cannot be written down. A leaf leads to itself, which lets rows walk side by side until
/// none moves. Immutable, thread-safe.
/// </remarks>
internal sealed class RegressionTree
{
    /// <summary>Stands for the feature of a node that is a leaf.</summary>
    public const int Leaf = -1;

    private readonly int[] _features;
    private readonly double[] _thresholds;
    private readonly int[] _next;
    private readonly double[] _values;
    private readonly int _outputs;
    private readonly double[] _lowest;
    private readonly double[] _highest;

    /// <param name="features">Of every node: the feature it splits by, or <see cref="Leaf"/>.</param>
    /// <param name="thresholds">Of every split, in the order of the nodes.</param>
    /// <param name="leafValues"><c>[leaves, outputs]</c>, in the order of the nodes.</param>
    /// <param name="outputs">At least 1.</param>
    public RegressionTree(
        ReadOnlySpan<int> features,
        ReadOnlySpan<double> thresholds,
        ReadOnlySpan<double> leafValues,
        int outputs
    )
    {
        _features = new int[features.Length];
        _thresholds = new double[features.Length];
        _next = new int[features.Length];
        _values = new double[features.Length * outputs];
        _outputs = outputs;
        (_lowest, _highest) = Ranges(leafValues, outputs);
        Splits = thresholds.Length;
        int splits = 0,
            leaves = 0;
        for (var node = 0; node < features.Length; node++)
        {
            if (features[node] == Leaf)
            {
                _thresholds[node] = double.PositiveInfinity;
                _next[node] = node;
                leafValues.Slice(outputs * leaves++, outputs).CopyTo(_values.AsSpan(node * outputs));
            }
            else
            {
                _features[node] = features[node];
                _thresholds[node] = thresholds[splits];
                _next[node] = (2 * splits++) + 1;
            }
        }
    }

    /// <summary>Number of nodes: twice the splits, and one.</summary>
    public int Nodes => _features.Length;

    public int Splits { get; }

    /// <summary>The lowest value of an output in any leaf.</summary>
    public double Lowest(int output) => _lowest[output];

    /// <summary>The highest value of an output in any leaf.</summary>
    public double Highest(int output) => _highest[output];

    public bool IsLeaf(int node) => _next[node] == node;

    /// <summary>The feature that a node splits by, or <see cref="Leaf"/>.</summary>
    public int Feature(int node) => IsLeaf(node) ? Leaf : _features[node];

    /// <summary>The highest value of its feature that goes left at a split.</summary>
    public double Threshold(int split) => _thresholds[split];

    /// <summary>The value of a leaf, one number per output.</summary>
    public ReadOnlySpan<double> Value(int leaf) => _values.AsSpan(leaf * _outputs, _outputs);

    /// <summary>The leaf of a row of features. A value at a threshold goes left, and so does NaN.</summary>
    public int LeafOf(ReadOnlySpan<double> row)
    {
        int node = 0,
            last;
        do
        {
            last = node;
            node = Step(node, row);
        } while (node != last);
        return node;
    }

    /// <summary>The leaves of many rows. Four walk side by side: the processor need not wait for one to step.</summary>
    /// <param name="rows"><c>[rows, features]</c>, row by row.</param>
    /// <param name="width">Features of a row.</param>
    /// <param name="leaves">Receives one leaf per row.</param>
    public void LeavesOf(ReadOnlySpan<double> rows, int width, Span<int> leaves)
    {
        var row = 0;
        for (; row + 4 <= leaves.Length; row += 4)
        {
            var four = rows.Slice(row * width, 4 * width);
            var rowA = four[..width];
            var rowB = four.Slice(width, width);
            var rowC = four.Slice(2 * width, width);
            var rowD = four[(3 * width)..];
            int a = 0,
                b = 0,
                c = 0,
                d = 0,
                moved;
            do
            {
                var (lastA, lastB, lastC, lastD) = (a, b, c, d);
                a = Step(a, rowA);
                b = Step(b, rowB);
                c = Step(c, rowC);
                d = Step(d, rowD);
                moved = (a ^ lastA) | (b ^ lastB) | (c ^ lastC) | (d ^ lastD);
            } while (moved != 0);
            (leaves[row], leaves[row + 1], leaves[row + 2], leaves[row + 3]) = (a, b, c, d);
        }
        for (; row < leaves.Length; row++)
        {
            leaves[row] = LeafOf(rows.Slice(row * width, width));
        }
    }

    /// <summary>Adds the values of leaves.</summary>
    /// <param name="leaves">One per row.</param>
    /// <param name="sums"><c>[rows, outputs]</c>, row by row.</param>
    public void Add(ReadOnlySpan<int> leaves, Span<double> sums)
    {
        for (var row = 0; row < leaves.Length; row++)
        {
            var values = Value(leaves[row]);
            var sum = sums.Slice(row * _outputs, values.Length);
            for (var i = 0; i < values.Length; i++)
            {
                sum[i] += values[i];
            }
        }
    }

    /// <summary>Adds the squares of how far the values of leaves are from means.</summary>
    /// <param name="leaves">One per row.</param>
    /// <param name="means"><c>[rows, outputs]</c>, row by row.</param>
    /// <param name="sums"><c>[rows, outputs]</c>, row by row.</param>
    public void AddSquares(ReadOnlySpan<int> leaves, ReadOnlySpan<double> means, Span<double> sums)
    {
        for (var row = 0; row < leaves.Length; row++)
        {
            var values = Value(leaves[row]);
            var mean = means.Slice(row * _outputs, values.Length);
            var sum = sums.Slice(row * _outputs, values.Length);
            for (var i = 0; i < values.Length; i++)
            {
                sum[i] += (values[i] - mean[i]) * (values[i] - mean[i]);
            }
        }
    }

    private static (double[] Lowest, double[] Highest) Ranges(ReadOnlySpan<double> leafValues, int outputs)
    {
        var lowest = leafValues[..outputs].ToArray();
        var highest = leafValues[..outputs].ToArray();
        for (var i = outputs; i < leafValues.Length; i++)
        {
            lowest[i % outputs] = Math.Min(lowest[i % outputs], leafValues[i]);
            highest[i % outputs] = Math.Max(highest[i % outputs], leafValues[i]);
        }
        return (lowest, highest);
    }

    private int Step(int node, ReadOnlySpan<double> row) =>
        _next[node] + (row[_features[node]] > _thresholds[node] ? 1 : 0);
}
