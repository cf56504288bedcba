using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>
/// The distribution of the work in one request of a service: CPU seconds of one core of nominal speed.
/// </summary>
public abstract record ServiceTime
{
    private ServiceTime(double meanSeconds) => MeanSeconds = Require.Positive(meanSeconds, nameof(meanSeconds));

    /// <summary>Mean work, in CPU seconds; above 0.</summary>
    public double MeanSeconds { get; }

    /// <summary>Draws the work of one request, in CPU seconds.</summary>
    public abstract double Draw(ref RandomSequence random);

    /// <summary>The same distribution, scaled to another mean; above 0.</summary>
    public abstract ServiceTime WithMean(double meanSeconds);

    /// <summary>Every request takes the mean.</summary>
    public sealed record Deterministic(double MeanSeconds) : ServiceTime(MeanSeconds)
    {
        public override double Draw(ref RandomSequence random) => MeanSeconds;

        public override ServiceTime WithMean(double meanSeconds) => new Deterministic(meanSeconds);
    }

    /// <summary>Exponential: the squared coefficient of variation is 1.</summary>
    public sealed record Exponential(double MeanSeconds) : ServiceTime(MeanSeconds)
    {
        public override double Draw(ref RandomSequence random) => MeanSeconds * random.NextExponential();

        public override ServiceTime WithMean(double meanSeconds) => new Exponential(meanSeconds);
    }

    /// <summary>Lognormal, with any squared coefficient of variation (variance over squared mean).</summary>
    public sealed record Lognormal : ServiceTime
    {
        private readonly double _location;
        private readonly double _scale;

        public Lognormal(double meanSeconds, double squaredVariation)
            : base(meanSeconds)
        {
            SquaredVariation = Require.Positive(squaredVariation, nameof(squaredVariation));
            var variance = Math.Log(1 + squaredVariation);
            _location = Math.Log(meanSeconds) - (variance / 2);
            _scale = Math.Sqrt(variance);
        }

        public double SquaredVariation { get; }

        public override double Draw(ref RandomSequence random) => Math.Exp(_location + (_scale * random.NextNormal()));

        public override ServiceTime WithMean(double meanSeconds) => new Lognormal(meanSeconds, SquaredVariation);
    }
}
