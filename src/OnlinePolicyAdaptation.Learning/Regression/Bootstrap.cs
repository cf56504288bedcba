using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>Draws rows with replacement, each with a probability in proportion to its weight.</summary>
/// <remarks>
/// There are as many draws as the weights sum to, rounded, but at least one. A draw is a point on the line on which the
/// rows lie side by side, each as long as its weight. So a row of weight 2 is drawn exactly as two equal neighbours of
/// weight 1, and a row of weight 0 would change nothing. Where every row weighs 1, the point is the row's number;
/// otherwise a guide table (Chen and Asau, 1974) finds it in constant expected time.
/// </remarks>
internal sealed class Bootstrap
{
    private readonly double _total;
    private readonly double _cellsPerWeight;
    private readonly double[] _ends;
    private readonly int[] _guide;

    /// <param name="weights">One per row, positive; at least one.</param>
    public Bootstrap(ReadOnlySpan<double> weights)
    {
        var unit = true;
        _ends = new double[weights.Length];
        for (var row = 0; row < weights.Length; row++)
        {
            unit &= weights[row] == 1;
            _total += weights[row];
            _ends[row] = _total;
        }
        Draws = Math.Max(1, (int)Math.Round(_total));
        _cellsPerWeight = weights.Length / _total;
        _guide = unit ? [] : Guide(_ends, _cellsPerWeight);
    }

    /// <summary>Number of draws, at least 1.</summary>
    public int Draws { get; }

    /// <summary>How often each row is drawn; the sum is <see cref="Draws"/>.</summary>
    public void Draw(RandomKey key, Span<int> counts)
    {
        counts.Clear();
        var random = key.Sequence();
        if (_guide.Length == 0)
        {
            for (var i = 0; i < Draws; i++)
            {
                counts[(int)(random.NextDouble() * _total)]++;
            }
        }
        else
        {
            for (var i = 0; i < Draws; i++)
            {
                counts[RowAt(random.NextDouble() * _total)]++;
            }
        }
    }

    private int RowAt(double point)
    {
        var row = _guide[Cell(point, _cellsPerWeight)];
        // About every other search goes on by a row, which no branch predictor foresees: this step is taken without a branch.
        row += _ends[row] <= point ? 1 : 0;
        while (_ends[row] <= point)
        {
            row++;
        }
        return row;
    }

    /// <summary>For each cell of the line the first row that ends in it or beyond; a search starts there.</summary>
    private static int[] Guide(double[] ends, double cellsPerWeight)
    {
        var guide = new int[Cell(ends[^1], cellsPerWeight) + 1];
        var row = 0;
        for (var cell = 0; cell < guide.Length; cell++)
        {
            while (Cell(ends[row], cellsPerWeight) < cell)
            {
                row++;
            }
            guide[cell] = row;
        }
        return guide;
    }

    private static int Cell(double point, double cellsPerWeight) => (int)(point * cellsPerWeight);
}
