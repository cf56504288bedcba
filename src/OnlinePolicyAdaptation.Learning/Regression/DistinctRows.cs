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
    private DistinctRows(TrainingSet set, int[] samples, int[] starts)
    {
        Starts = starts;
        Outputs = set.TargetNames.Count;
        Bootstrap = new(Array.ConvertAll(samples, set.Weight));
        (FeatureValues, Bins) = Rank(set, samples, starts);
        Scales = Enumerable.Range(0, Outputs).Select(output => Scale(set, samples, output)).ToArray();
        Lanes = (1 + Outputs + 1) / 2;
        SampleLanes = ToLanes(set, samples);
        SplitWeights = Precisions(set, samples);
    }

    /// <summary>Number of rows, at least 1.</summary>
    public int Count => Starts.Length - 1;

    public int Features => Bins.Length;

    public int Outputs { get; }

    public Bootstrap Bootstrap { get; }

    /// <summary>The first sample of each row, and the number of samples at the end.</summary>
    public int[] Starts { get; }

    /// <summary>The distinct values of each feature, ascending.</summary>
    public double[][] FeatureValues { get; }

    /// <summary>For each feature and row, which of the feature's distinct values it has.</summary>
    public int[][] Bins { get; }

    public FixedPoint[] Scales { get; }

    /// <summary>
    /// Lanes of two numbers that draws and targets take up: 1 or a number of draws, then every target or a sum of it,
    /// then 0 where that makes an odd number.
    /// </summary>
    public int Lanes { get; }

    /// <summary><c>[samples, lanes]</c>: 1, then the targets in units.</summary>
    public Vector128<double>[] SampleLanes { get; }

    /// <summary>
    /// <c>[lanes]</c>: 0, then what each output counts in the choice of a split: one over the variance of its units, or 0
    /// where that is 0. Without it the target of the largest variance would decide every split. A single target counts 1.
    /// </summary>
    public Vector128<double>[] SplitWeights { get; }

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

    private static (double[][] Values, int[][] Bins) Rank(TrainingSet set, int[] samples, int[] starts)
    {
        var values = new double[set.FeatureNames.Count][];
        var bins = new int[values.Length][];
        var column = new double[starts.Length - 1];
        for (var feature = 0; feature < values.Length; feature++)
        {
            for (var row = 0; row < column.Length; row++)
            {
                column[row] = set.Features(samples[starts[row]])[feature];
            }
            var distinct = Distinct(column);
            values[feature] = distinct;
            bins[feature] = Array.ConvertAll(column, value => Array.BinarySearch(distinct, value));
        }
        return (values, bins);
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

    private Vector128<double>[] ToLanes(TrainingSet set, int[] samples)
    {
        var lanes = new Vector128<double>[samples.Length * Lanes];
        var numbers = MemoryMarshal.Cast<Vector128<double>, double>(lanes.AsSpan());
        for (var i = 0; i < samples.Length; i++)
        {
            var targets = set.Targets(samples[i]);
            var sample = numbers.Slice(i * Lanes * 2, 1 + Outputs);
            sample[0] = 1;
            for (var output = 0; output < Outputs; output++)
            {
                sample[1 + output] = Scales[output].ToUnits(targets[output]);
            }
        }
        return lanes;
    }

    private Vector128<double>[] Precisions(TrainingSet set, int[] samples)
    {
        var lanes = new Vector128<double>[Lanes];
        var precisions = MemoryMarshal.Cast<Vector128<double>, double>(lanes.AsSpan()).Slice(1, Outputs);
        var numbers = MemoryMarshal.Cast<Vector128<double>, double>(SampleLanes.AsSpan());
        for (var output = 0; output < Outputs; output++)
        {
            double weight = 0,
                sum = 0,
                squares = 0;
            for (var i = 0; i < samples.Length; i++)
            {
                weight += set.Weight(samples[i]);
                sum += set.Weight(samples[i]) * numbers[(i * Lanes * 2) + 1 + output];
            }
            for (var i = 0; i < samples.Length; i++)
            {
                var deviation = numbers[(i * Lanes * 2) + 1 + output] - (sum / weight);
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
