using System.Numerics;
using System.Runtime.Intrinsics;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>The draws of one node and the sums of their targets, by the value of one feature.</summary>
/// <remarks>
/// Bins are the feature's distinct values, so that filling takes the place of sorting. A bit per bin says whether it is in
/// use: a search visits those alone, ascending, and leaves the histogram empty. Sums are kept in lanes of two numbers
/// (<see cref="DistinctRows.Lanes"/>); the first lane, all there is to one target, stays in a register.
/// <para>
/// The gain of a split is by how much the sum of squared deviations from the mean falls, added over the outputs by their
/// weights and times the draws of the node: with n draws and sum s on either side, (s_l n_r - s_r n_l)^2 / (n_l n_r). Sums
/// are exact, so the gain depends on the two sides alone and not on which is left, and is exactly 0 where their means are
/// equal.
/// </para>
/// </remarks>
/// <param name="bins">Number of bins at most.</param>
/// <param name="splitWeights">Lanes of what each output counts; the number before the first output is not used.</param>
internal sealed class Histogram(int bins, Vector128<double>[] splitWeights)
{
    private readonly Vector128<double>[] _sums = new Vector128<double>[bins * splitWeights.Length];
    private readonly ulong[] _used = new ulong[(bins + 63) / 64];
    private readonly Vector128<double>[] _left = new Vector128<double>[splitWeights.Length];

    /// <summary>Adds rows.</summary>
    /// <param name="rows">The rows of the node.</param>
    /// <param name="binOfRow">The bin of every row of the tree.</param>
    /// <param name="rowSums"><c>[rows, lanes]</c> of the tree.</param>
    public void Fill(ReadOnlySpan<int> rows, ReadOnlySpan<int> binOfRow, ReadOnlySpan<Vector128<double>> rowSums)
    {
        var lanes = splitWeights.Length;
        var sums = _sums.AsSpan();
        var used = _used.AsSpan();
        foreach (var row in rows)
        {
            var bin = binOfRow[row];
            used[bin >> 6] |= 1UL << bin;
            sums[bin * lanes] += rowSums[row * lanes];
            for (var lane = 1; lane < lanes; lane++)
            {
                sums[(bin * lanes) + lane] += rowSums[(row * lanes) + lane];
            }
        }
    }

    /// <summary>Improves on <paramref name="best"/> where a split by this feature does, and empties the histogram.</summary>
    /// <param name="feature">The feature that the histogram is about.</param>
    /// <param name="totals">The sums of all rows added.</param>
    /// <param name="minDraws">Draws that each side must have, at least 1.</param>
    /// <param name="best">The best split so far; among equal gains that of the lowest feature, then threshold.</param>
    /// <returns>Whether the feature varies among the rows.</returns>
    public bool Search(int feature, ReadOnlySpan<Vector128<double>> totals, double minDraws, ref Split best)
    {
        var used = _used.AsSpan();
        var found = best;
        int first = -1,
            last = -1;
        var left = Vector128<double>.Zero;
        _left.AsSpan().Clear();
        for (var word = 0; word < used.Length; word++)
        {
            for (var bits = used[word]; bits != 0; bits &= bits - 1)
            {
                var bin = (word << 6) + BitOperations.TrailingZeroCount(bits);
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

    private double Gain(
        Vector128<double> left,
        Vector128<double> right,
        ReadOnlySpan<Vector128<double>> lefts,
        ReadOnlySpan<Vector128<double>> totals
    )
    {
        var leftDraws = left.ToScalar();
        var rightDraws = right.ToScalar();
        var difference = (left * rightDraws) - (right * leftDraws);
        var gain = splitWeights[0] * difference * difference;
        for (var lane = 1; lane < splitWeights.Length; lane++)
        {
            difference = (lefts[lane] * rightDraws) - ((totals[lane] - lefts[lane]) * leftDraws);
            gain += splitWeights[lane] * difference * difference;
        }
        return Vector128.Sum(gain) / (leftDraws * rightDraws);
    }

    /// <summary>Empties a bin, adds its lanes from the second on to the left side, and returns the first.</summary>
    private Vector128<double> Take(int bin)
    {
        var lanes = _sums.AsSpan(bin * splitWeights.Length, splitWeights.Length);
        for (var lane = 1; lane < lanes.Length; lane++)
        {
            _left[lane] += lanes[lane];
            lanes[lane] = default;
        }
        var first = lanes[0];
        lanes[0] = default;
        return first;
    }
}
