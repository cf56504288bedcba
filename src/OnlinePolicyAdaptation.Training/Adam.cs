using System.Numerics;

namespace OnlinePolicyAdaptation.Training;

/// <summary>
/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015) with decay rates 0.9 and 0.999, on all
/// parameters in one pass.
/// </summary>
/// <param name="length">The number of parameters.</param>
internal sealed class Adam(int length)
{
    private const double MeanDecay = 0.9;
    private const double SquareDecay = 0.999;

    /// <summary>Added to the root of the mean square, as Stable-Baselines3 has it.</summary>
    private const float Epsilon = 1e-5f;

    private readonly float[] _mean = new float[length];
    private readonly float[] _square = new float[length];
    private int _steps;

    /// <summary>Moves the parameters one step down.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="gradients">One per parameter.</param>
    /// <param name="gradientScale">What every gradient is multiplied by first.</param>
    /// <param name="learningRate">Length of a step in each parameter, about.</param>
    public void Step(Span<float> parameters, ReadOnlySpan<float> gradients, float gradientScale, double learningRate)
    {
        _steps++;
        var meanShare = (float)(1 - MeanDecay);
        var squareShare = (float)(1 - SquareDecay);
        var rate = (float)(learningRate / (1 - Math.Pow(MeanDecay, _steps)));
        var rootScale = (float)(1 / Math.Sqrt(1 - Math.Pow(SquareDecay, _steps)));
        var width = Vector<float>.Count;
        var i = 0;
        for (; i <= parameters.Length - width; i += width)
        {
            var gradient = new Vector<float>(gradients[i..]) * gradientScale;
            var mean = new Vector<float>(_mean, i);
            var square = new Vector<float>(_square, i);
            mean += (gradient - mean) * meanShare;
            square += ((gradient * gradient) - square) * squareShare;
            mean.CopyTo(_mean, i);
            square.CopyTo(_square, i);
            var root = (Vector.SquareRoot(square) * rootScale) + new Vector<float>(Epsilon);
            (new Vector<float>(parameters[i..]) - (mean * rate / root)).CopyTo(parameters[i..]);
        }
        for (; i < parameters.Length; i++)
        {
            var gradient = gradients[i] * gradientScale;
            _mean[i] += (gradient - _mean[i]) * meanShare;
            _square[i] += ((gradient * gradient) - _square[i]) * squareShare;
            parameters[i] -= _mean[i] * rate / ((MathF.Sqrt(_square[i]) * rootScale) + Epsilon);
        }
    }
}
