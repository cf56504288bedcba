namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>The likelihood of an observation by the logarithm of what the factors make of the response time, as a table.</summary>
/// <remarks>Student's t with an outlier part, around what the law and its correction expect.</remarks>
internal sealed class FactorLikelihood
{
    private const double DegreesOfFreedom = 6;
    private const double OutlierShare = 0.03;
    private const double OutlierDensity = 0.1;

    private const double Lowest = -1.1;
    private const double Step = 0.02;
    private const int Entries = 261;
    private readonly double[] _values = new double[Entries];

    /// <param name="observation">What was measured of a service.</param>
    /// <param name="carried">What is expected to be left over of it, from the intervals before.</param>
    /// <param name="remaining">The share of the noise's variance that is not known from there.</param>
    public FactorLikelihood(FactorObservation observation, double carried, double remaining)
    {
        for (var i = 0; i < Entries; i++)
        {
            var logRatio = Lowest + (Step * i);
            var (shift, variance) = Expected(observation, logRatio);
            var noise = NoiseVariance(observation, logRatio) * remaining;
            var scale = Math.Sqrt(noise + variance);
            var z = (observation.LogRatio - logRatio - shift - carried) / scale;
            _values[i] = ((1 - OutlierShare) * StudentT(z) / scale) + (OutlierShare * OutlierDensity);
        }
    }

    public double At(double logRatio)
    {
        var place = Math.Clamp((logRatio - Lowest) * (1 / Step), 0, Entries - 1.001);
        var below = (int)place;
        return _values[below] + ((place - below) * (_values[below + 1] - _values[below]));
    }

    /// <summary>What is expected on top of the law, and its variance.</summary>
    public static (double Shift, double Variance) Expected(FactorObservation observation, double logRatio) =>
        LawCorrection.At(observation.Anchors, observation.Noise, observation.Prior, observation.LawError, logRatio);

    /// <summary>Slower nodes are nearer to saturation, and their noise is larger.</summary>
    public static double NoiseVariance(FactorObservation observation, double logRatio) =>
        observation.Noise * observation.Noise * Math.Clamp(Math.Exp(logRatio), 1, 4);

    private static double StudentT(double z)
    {
        // Of 6 degrees of freedom: 0.3827 (1 + z^2/6)^(-7/2).
        var q = 1 + (z * z / DegreesOfFreedom);
        return 0.3827 / (q * q * q * Math.Sqrt(q));
    }
}
