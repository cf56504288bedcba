using System.Numerics;
using System.Runtime.Intrinsics;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>The draws of one node and the sums of their targets, by the value of each feature.</summary>
/// <remarks>
/// Bins are the features' distinct values (<see cref="DistinctRows.BinsOf"/>), so that filling takes the place of sorting. A bit
/// per bin says whether it is in use: a search visits those alone, ascending, and leaves the feature's bins empty. Rows are
/// added to all features at a time: a row is read once, and no addition waits for the one before. Sums are kept in lanes of
/// four numbers (<see cref="DistinctRows.Lanes"/>); the first lane, all there is to up to three targets, stays in a register.
/// <para>
/// The gain of a split is by how much the sum of squared deviations from the mean falls, added over the outputs by their
/// weights and times the draws of the node: with n draws and sum s on either side, (s_l n_r - s_r n_l)^2 / (n_l n_r). Sums
/// are exact, so the gain depends on the two sides alone and not on which is left, and is exactly 0 where their means are
/// equal.
/// </para>
/// </remarks>
/// <param name="rows">Whose bins and lanes they are.</param>
internal sealed class Histogram(DistinctRows rows)
{
    private readonly int[] _firstBins = rows.FirstBins;
    private readonly Vector256<double>[] _splitWeights = rows.SplitWeights;
    private readonly Vector256<double>[] _sums = new Vector256<double>[rows.FirstBins[^1] * rows.Lanes];
    private readonly ulong[] _used = new ulong[rows.FirstBins[^1] >> DistinctRows.WordShift];
    private readonly Vector256<double>[] _left = new Vector256<double>[rows.Lanes];

    /// <summary>Adds rows.</summary>
    /// <param name="node">The rows of the node.</param>
    /// <param name="features">Those whose bins are filled.</param>
    /// <param name="rowSums"><c>[rows, lanes]</c> of the tree.</param>
    public void Fill(ReadOnlySpan<int> node, ReadOnlySpan<int> features, ReadOnlySpan<Vector256<double>> rowSums)
    {
        var lanes = _left.Length;
        var sums = _sums.AsSpan();
        var used = _used.AsSpan();
        foreach (var row in node)
        {
            var bins = rows.BinsOf(row);
            var first = rowSums[row * lanes];
            foreach (var feature in features)
            {
                var bin = bins[feature];
                used[bin >> DistinctRows.WordShift] |= 1UL << bin;
                sums[bin * lanes] += first;
            }
            for (var lane = 1; lane < lanes; lane++)
            {
                var next = rowSums[(row * lanes) + lane];
                foreach (var feature in features)
                {
                    sums[(bins[feature] * lanes) + lane] += next;
                }
            }
        }
    }

    /// <summary>Improves on <paramref name="best"/> where a split by this feature does, and empties the feature's bins.</summary>
    /// <param name="feature">One of those filled.</param>
    /// <param name="totals">The sums of all rows added.</param>
    /// <param name="minDraws">Draws that each side must have, at least 1.</param>
    /// <param name="best">The best split so far; among equal gains that of the lowest feature, then threshold.</param>
    /// <returns>Whether the feature varies among the rows.</returns>
    public bool Search(int feature, ReadOnlySpan<Vector256<double>> totals, double minDraws, ref Split best)
    {
        var firstWord = _firstBins[feature] >> DistinctRows.WordShift;
        var used = _used.AsSpan(firstWord..(_firstBins[feature + 1] >> DistinctRows.WordShift));
        var found = best;
        int first = -1,
            last = -1;
        var left = Vector256<double>.Zero;
        _left.AsSpan().Clear();
        for (var word = 0; word < used.Length; word++)
        {
            for (var bits = used[word]; bits != 0; bits &= bits - 1)
            {
                var bin = ((firstWord + word) << DistinctRows.WordShift) + BitOperations.TrailingZeroCount(bits);
                var right = totals[0] - left;
                if (left.ToScalar() >= minDraws && right.ToScalar() >= minDraws)
                {
                    var gain = Gain(left, right, _left, totals);
                    if (gain > found.Gain || (gain == found.Gain && feature < found.Feature))
                    {
                        found = new(feature, last, bin, gain);
                    }
                }
                left += Take(bin);
                first = first < 0 ? bin : first;
                last = bin;
            }
            used[word] = 0;
        }
        best = found;
        return first != last;
    }

    /// <summary>The gain of a split that leaves these sums of the totals on one side.</summary>
    public double Gain(ReadOnlySpan<Vector256<double>> side, ReadOnlySpan<Vector256<double>> totals) =>
        Gain(side[0], totals[0] - side[0], side, totals);

    private double Gain(
        Vector256<double> left,
        Vector256<double> right,
        ReadOnlySpan<Vector256<double>> lefts,
        ReadOnlySpan<Vector256<double>> totals
    )
    {
        var weights = _splitWeights.AsSpan();
        var leftDraws = left.ToScalar();
        var rightDraws = right.ToScalar();
        var difference = (left * rightDraws) - (right * leftDraws);
        var term = weights[0] * difference * difference;
        var gain = term.GetLower() + term.GetUpper();
        for (var lane = 1; lane < weights.Length; lane++)
        {
            difference = (lefts[lane] * rightDraws) - ((totals[lane] - lefts[lane]) * leftDraws);
            term = weights[lane] * difference * difference;
            gain = gain + term.GetLower() + term.GetUpper();
        }
        return Vector128.Sum(gain) / (leftDraws * rightDraws);
    }

    /// <summary>Empties a bin, adds its lanes from the second on to the left side, and returns the first.</summary>
    private Vector256<double> Take(int bin)
    {
        var left = _left.AsSpan();
        var lanes = _sums.AsSpan(bin * left.Length, left.Length);
        for (var lane = 1; lane < lanes.Length; lane++)
        {
            left[lane] += lanes[lane];
            lanes[lane] = default;
        }
        var first = lanes[0];
        lanes[0] = default;
        return first;
    }
}
