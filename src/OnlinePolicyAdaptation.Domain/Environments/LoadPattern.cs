using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments;

/// <summary>The offered load of one service over time: the rate of its Poisson arrivals.</summary>
/// <remarks>A pure function of the time; times are seconds from the start, not negative.</remarks>
public abstract record LoadPattern
{
    private LoadPattern(RequestRate highestRate) => HighestRate = highestRate;

    /// <summary>A rate that <see cref="RateAt"/> never exceeds; thinning draws its candidates at this rate.</summary>
    public RequestRate HighestRate { get; }

    /// <summary>The rate at a time.</summary>
    public abstract RequestRate RateAt(double seconds);

    /// <summary>The same rate at all times.</summary>
    public sealed record Constant : LoadPattern
    {
        public Constant(RequestRate rate)
            : base(Highest([rate])) { }

        public override RequestRate RateAt(double seconds) => HighestRate;
    }

    /// <summary>
    /// A recorded load: one rate after another, each for the same time, and from the first again at the end.
    /// </summary>
    public sealed record Recorded : LoadPattern
    {
        /// <param name="rates">At least one.</param>
        /// <param name="secondsPerRate">For how long each holds, such as a monitoring interval.</param>
        public Recorded(EquatableArray<RequestRate> rates, double secondsPerRate)
            : base(Highest(rates))
        {
            Rates = rates;
            SecondsPerRate = Require.Positive(secondsPerRate, nameof(secondsPerRate));
        }

        public EquatableArray<RequestRate> Rates { get; }

        public double SecondsPerRate { get; }

        public override RequestRate RateAt(double seconds) =>
            Rates[(int)(WholeNumber.Floor(seconds / SecondsPerRate) % Rates.Count)];
    }

    /// <summary>Steps between the rates of a set: every so many seconds one of them is drawn, each as likely.</summary>
    public sealed record RandomSteps : LoadPattern
    {
        /// <param name="rates">At least one; one that occurs twice is drawn twice as often.</param>
        /// <param name="secondsPerStep">For how long a drawn rate holds.</param>
        /// <param name="key">
        /// Draws the rates; the rate of a step depends on this key and the step's number alone.
        /// </param>
        public RandomSteps(EquatableArray<RequestRate> rates, double secondsPerStep, RandomKey key)
            : base(Highest(rates))
        {
            Rates = rates;
            SecondsPerStep = Require.Positive(secondsPerStep, nameof(secondsPerStep));
            Key = key;
        }

        public EquatableArray<RequestRate> Rates { get; }

        public double SecondsPerStep { get; }

        public RandomKey Key { get; }

        public override RequestRate RateAt(double seconds)
        {
            var random = Key.Split((ulong)WholeNumber.Floor(seconds / SecondsPerStep)).Sequence();
            return Rates[random.NextInt(Rates.Count)];
        }
    }

    /// <summary>
    /// A load that swings: mean + amplitude sin(2 pi t / period + phase), and 0 where that is negative.
    /// </summary>
    public sealed record Sine : LoadPattern
    {
        /// <param name="mean">The rate around which it swings.</param>
        /// <param name="amplitude">
        /// Requests per second; above the mean, the load rests at 0 for a part of each period.
        /// </param>
        /// <param name="periodSeconds">Above 0.</param>
        /// <param name="phase">In radians.</param>
        public Sine(RequestRate mean, RequestRate amplitude, double periodSeconds, double phase)
            : base(new RequestRate(Highest([mean]).PerSecond + Highest([amplitude]).PerSecond))
        {
            Mean = mean;
            Amplitude = amplitude;
            PeriodSeconds = Require.Positive(periodSeconds, nameof(periodSeconds));
            Phase = double.IsFinite(phase) ? phase : throw new ArgumentOutOfRangeException(nameof(phase), phase, null);
        }

        public RequestRate Mean { get; }

        public RequestRate Amplitude { get; }

        public double PeriodSeconds { get; }

        public double Phase { get; }

        public override RequestRate RateAt(double seconds)
        {
            var swing = Math.Sin((Math.Tau * seconds / PeriodSeconds) + Phase);
            return new(Math.Max(0, Mean.PerSecond + (Amplitude.PerSecond * swing)));
        }
    }

    /// <summary>Another pattern from some time on: what that does at this time, this one does at the start.</summary>
    public sealed record Later : LoadPattern
    {
        /// <param name="pattern">The pattern.</param>
        /// <param name="seconds">The time, not negative.</param>
        public Later(LoadPattern pattern, double seconds)
            : base(pattern.HighestRate)
        {
            Pattern = pattern;
            Seconds = Require.NotNegative(seconds, nameof(seconds));
        }

        public LoadPattern Pattern { get; }

        public double Seconds { get; }

        public override RequestRate RateAt(double seconds) => Pattern.RateAt(Seconds + seconds);
    }

    /// <summary>One pattern after another; each goes on as if it had held from the start.</summary>
    public sealed record Sequence : LoadPattern
    {
        /// <param name="patterns">At least one.</param>
        /// <param name="fromSeconds">When each begins, ascending from 0.</param>
        public Sequence(EquatableArray<LoadPattern> patterns, EquatableArray<double> fromSeconds)
            : base(Highest(patterns.Select(pattern => pattern.HighestRate).ToEquatableArray()))
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(fromSeconds.Count, patterns.Count, nameof(fromSeconds));
            ArgumentOutOfRangeException.ThrowIfNotEqual(fromSeconds[0], 0, nameof(fromSeconds));
            for (var i = 1; i < fromSeconds.Count; i++)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(fromSeconds[i], fromSeconds[i - 1], nameof(fromSeconds));
            }
            Patterns = patterns;
            FromSeconds = fromSeconds;
        }

        public EquatableArray<LoadPattern> Patterns { get; }

        public EquatableArray<double> FromSeconds { get; }

        public override RequestRate RateAt(double seconds)
        {
            var current = FromSeconds.Count - 1;
            while (current > 0 && FromSeconds[current] > seconds)
            {
                current--;
            }
            return Patterns[current].RateAt(seconds);
        }
    }

    private static RequestRate Highest(EquatableArray<RequestRate> rates)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rates.Count, nameof(rates));
        var highest = 0.0;
        foreach (var rate in rates)
        {
            highest = Math.Max(highest, Require.NotNegative(rate.PerSecond, nameof(rates)));
        }
        return new(highest);
    }
}
