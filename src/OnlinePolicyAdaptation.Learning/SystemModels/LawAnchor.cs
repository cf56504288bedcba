namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>
/// What one configuration has shown of a service while its nodes had some factors: by how much it differed from the surface
/// times these factors, in logarithms.
/// </summary>
/// <param name="LogRatio">Logarithm of what the factors made of the response time then; 0: as in the reference system.</param>
/// <param name="Residual">Median of the logarithms of measured over predicted.</param>
/// <param name="Count">Measurements, above 0.</param>
public readonly record struct LawAnchor(double LogRatio, double Residual, double Count);

/// <summary>How far measurements of a configuration tell about it while its nodes have other factors.</summary>
/// <remarks>
/// The law that leads from one factor to another is a little wrong everywhere, in proportion to the distance. So each anchor
/// is an estimate of the residual with a variance that grows with the square of its distance; they are weighed by precision,
/// together with the prior, which is no residual at all.
/// </remarks>
public static class LawCorrection
{
    /// <summary>The residual to expect, and its variance, where the factors make this of the response time.</summary>
    /// <param name="anchors">Of one configuration; none is fine.</param>
    /// <param name="noise">Standard deviation of one measurement, in logarithms.</param>
    /// <param name="prior">Variance of the surface itself, where it is not measured.</param>
    /// <param name="lawError">Error of the law per unit of distance.</param>
    /// <param name="logRatio">Logarithm of what the factors make of the response time.</param>
    public static (double Shift, double Variance) At(
        ReadOnlySpan<LawAnchor> anchors,
        double noise,
        double prior,
        double lawError,
        double logRatio
    )
    {
        var law = lawError * lawError;
        var precision = 1 / (prior + (law * logRatio * logRatio));
        var weighted = 0.0;
        foreach (var anchor in anchors)
        {
            var distance = logRatio - anchor.LogRatio;
            var variance = (noise * noise / anchor.Count) + (law * distance * distance);
            precision += 1 / variance;
            weighted += anchor.Residual / variance;
        }
        return (weighted / precision, 1 / precision);
    }
}
