using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>A training set as the trees of one forest grow on it: every distinct row of features once.</summary>
/// <remarks>
/// Samples are sorted by features, then targets, then weight, so that a forest does not depend on the order in which they
/// were given; samples of weight 0 are left out. A row is a run of samples with the same features: on a grid of controls,
/// thousands of samples are a few hundred rows. A tree draws samples, not rows, so this is no approximation.
/// </remarks>
internal sealed class DistinctRows
{
    /// <summary>Bins by the word: those of a feature begin at a multiple of 2 to this power, as a search visits words of bits.</summary>
    public const int WordShift = 6;

    /// <summary>Numbers in a lane.</summary>
    private const int Width = 4;

    private readonly int[] _bins;

    private DistinctRows(TrainingSet set, int[] samples, int[] starts)
    {
        Starts = starts;
        Outputs = set.TargetNames.Count;
        Bootstrap = new(Array.ConvertAll(samples, set.Weight));
        BinValues = Values(set, samples, starts);
        FirstBins = Starting(BinValues);
        _bins = Rank(set, samples, starts);
        Scales = Enumerable.Range(0, Outputs).Select(output => Scale(set, samples, output)).ToArray();
        Lanes = (1 + Outputs + Width - 1) / Width;
        SampleLanes = ToLanes(set, samples);
        SplitWeights = Precisions(set, samples);
    }

    /// <summary>Number of rows, at least 1.</summary>
    public int Count => Starts.Length - 1;

    public int Features => BinValues.Length;

    public int Outputs { get; }

    public Bootstrap Bootstrap { get; }

    /// <summary>The first sample of each row, and the number of samples at the end.</summary>
    public int[] Starts { get; }

    /// <summary>The distinct values of each feature, ascending; each has a bin, in this order.</summary>
    public double[][] BinValues { get; }

    /// <summary>The number of the first bin of each feature, and the number of bins at the end.</summary>
    public int[] FirstBins { get; }

    public FixedPoint[] Scales { get; }

    /// <summary>
    /// Lanes of four numbers that draws and targets take up: 1 or a number of draws, then every target or a sum of it, then
    /// zeros.
    /// </summary>
    public int Lanes { get; }

    /// <summary><c>[samples, lanes]</c>: 1, then the targets in units.</summary>
    public Vector256<double>[] SampleLanes { get; }

    /// <summary>
    /// <c>[lanes]</c>: 0, then what each output counts in the choice of a split: one over the variance of its units, or 0
    /// where that is 0. Without it the target of the largest variance would decide every split. A single target counts 1.
    /// </summary>
    public Vector256<double>[] SplitWeights { get; }

    /// <summary>The bin of a row's value of every feature.</summary>
    public ReadOnlySpan<int> BinsOf(int row) => _bins.AsSpan(row * Features, Features);

    /// <summary>The value of a feature that a bin stands for.</summary>
    public double ValueOf(int feature, int bin) => BinValues[feature][bin - FirstBins[feature]];

    /// <param name="set">The samples.</param>
    /// <param name="merge">Whether equal rows are merged; if not, the forest is the same and takes longer.</param>
    public static DistinctRows Of(TrainingSet set, bool merge)
    {
        var samples = set.WeightedRows();
        int[] starts = [0, samples.Length];
        for (var feature = 0; feature < set.FeatureNames.Count; feature++)
        {
            starts = Sort(samples, starts, sample => set.Features(sample)[feature]);
        }
        var distinct = starts;
        for (var output = 0; output < set.TargetNames.Count; output++)
        {
            starts = Sort(samples, starts, sample => set.Targets(sample)[output]);
        }
        Sort(samples, starts, set.Weight);
        return new(set, samples, merge ? distinct : [.. Enumerable.Range(0, samples.Length + 1)]);
    }

    /// <summary>Sorts every run of samples by a number.</summary>
    /// <param name="samples">The samples, run by run.</param>
    /// <param name="starts">Where the runs start, and the end.</param>
    /// <param name="number">The number to sort by.</param>
    /// <returns>Where the runs of an equal number within these runs start, and the end.</returns>
    private static int[] Sort(int[] samples, int[] starts, Func<int, double> number)
    {
        var numbers = Array.ConvertAll(samples, sample => number(sample));
        var finer = new List<int>(starts.Length);
        for (var run = 0; run < starts.Length - 1; run++)
        {
            var start = starts[run];
            var length = starts[run + 1] - start;
            numbers.AsSpan(start, length).Sort(samples.AsSpan(start, length));
            for (var i = start; i < start + length; i++)
            {
                if (i == start || numbers[i] != numbers[i - 1])
                {
                    finer.Add(i);
                }
            }
        }
        finer.Add(samples.Length);
        return [.. finer];
    }

    private static double[][] Values(TrainingSet set, int[] samples, int[] starts)
    {
        var values = new double[set.FeatureNames.Count][];
        var column = new double[starts.Length - 1];
        for (var feature = 0; feature < values.Length; feature++)
        {
            for (var row = 0; row < column.Length; row++)
            {
                column[row] = set.Features(samples[starts[row]])[feature];
            }
            values[feature] = Distinct(column);
        }
        return values;
    }

    private static int[] Starting(double[][] values)
    {
        var first = new int[values.Length + 1];
        for (var feature = 0; feature < values.Length; feature++)
        {
            var words = ((values[feature].Length - 1) >> WordShift) + 1;
            first[feature + 1] = first[feature] + (words << WordShift);
        }
        return first;
    }

    private int[] Rank(TrainingSet set, int[] samples, int[] starts)
    {
        var bins = new int[Count * Features];
        for (var row = 0; row < Count; row++)
        {
            var features = set.Features(samples[starts[row]]);
            for (var feature = 0; feature < Features; feature++)
            {
                var bin = Array.BinarySearch(BinValues[feature], features[feature]);
                bins[(row * Features) + feature] = FirstBins[feature] + bin;
            }
        }
        return bins;
    }

    private static double[] Distinct(double[] values)
    {
        var sorted = (double[])values.Clone();
        Array.Sort(sorted);
        var count = 1;
        for (var i = 1; i < sorted.Length; i++)
        {
            if (sorted[i] != sorted[count - 1])
            {
                sorted[count++] = sorted[i];
            }
        }
        return sorted[..count];
    }

    private FixedPoint Scale(TrainingSet set, int[] samples, int output)
    {
        var (lowest, highest) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var sample in samples)
        {
            lowest = Math.Min(lowest, set.Targets(sample)[output]);
            highest = Math.Max(highest, set.Targets(sample)[output]);
        }
        return FixedPoint.Finest(lowest, highest, Bootstrap.Draws);
    }

    private Vector256<double>[] ToLanes(TrainingSet set, int[] samples)
    {
        var lanes = new Vector256<double>[samples.Length * Lanes];
        var numbers = MemoryMarshal.Cast<Vector256<double>, double>(lanes.AsSpan());
        for (var i = 0; i < samples.Length; i++)
        {
            var targets = set.Targets(samples[i]);
            var sample = numbers.Slice(i * Lanes * Width, 1 + Outputs);
            sample[0] = 1;
            for (var output = 0; output < Outputs; output++)
            {
                sample[1 + output] = Scales[output].ToUnits(targets[output]);
            }
        }
        return lanes;
    }

    private Vector256<double>[] Precisions(TrainingSet set, int[] samples)
    {
        var lanes = new Vector256<double>[Lanes];
        var precisions = MemoryMarshal.Cast<Vector256<double>, double>(lanes.AsSpan()).Slice(1, Outputs);
        var numbers = MemoryMarshal.Cast<Vector256<double>, double>(SampleLanes.AsSpan());
        for (var output = 0; output < Outputs; output++)
        {
            double weight = 0,
                sum = 0,
                squares = 0;
            for (var i = 0; i < samples.Length; i++)
            {
                weight += set.Weight(samples[i]);
                sum += set.Weight(samples[i]) * numbers[(i * Lanes * Width) + 1 + output];
            }
            for (var i = 0; i < samples.Length; i++)
            {
                var deviation = numbers[(i * Lanes * Width) + 1 + output] - (sum / weight);
                squares += set.Weight(samples[i]) * deviation * deviation;
            }
            precisions[output] =
                Outputs == 1 ? 1
                : squares > 0 ? weight / squares
                : 0;
        }
        return lanes;
    }
}
