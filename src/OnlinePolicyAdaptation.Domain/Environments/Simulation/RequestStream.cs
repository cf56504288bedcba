using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>
/// The requests of one service, in the order of their arrival, over one stretch of simulated time after another.
/// </summary>
/// <remarks>
/// Arrivals are a Poisson process of varying rate, by thinning (Lewis and Shedler, "Simulation of nonhomogeneous
/// Poisson processes by thinning", Naval Research Logistics Quarterly 26, 1979). Each purpose has random numbers of its
/// own, and each stretch of time starts them afresh: the requests of a stretch depend on the key, the stretch and the
/// load pattern alone, and the n-th of them has the same draws whatever its service time distribution. A Poisson
/// process has no memory, so starting afresh does not change its law.
/// </remarks>
internal sealed class RequestStream(ServiceTime serviceTime, RandomKey key)
{
    private RandomSequence _arrivals;
    private RandomSequence _work;
    private RandomSequence _admissions;
    private RandomSequence _routing;
    private RandomSequence _jitter;

    private LoadPattern? _load;
    private double _loadTimeAtZero;
    private double _highestRate;
    private double _candidate;
    private double _end;

    /// <summary>The request that arrives next.</summary>
    public Request Next { get; private set; } = new(double.PositiveInfinity, 0, 0, 0, 0);

    /// <summary>Starts a stretch of time and draws its first request.</summary>
    /// <param name="stretch">Its number, which selects the random numbers.</param>
    /// <param name="start">Simulated time at which it begins.</param>
    /// <param name="end">Simulated time before which all its requests arrive.</param>
    /// <param name="load">The rate of the arrivals.</param>
    /// <param name="loadTime">The time in the load pattern that corresponds to <paramref name="start"/>.</param>
    public void Begin(ulong stretch, double start, double end, LoadPattern load, double loadTime)
    {
        var stretchKey = key.Split(stretch);
        _arrivals = stretchKey.Split(0).Sequence();
        _work = stretchKey.Split(1).Sequence();
        _admissions = stretchKey.Split(2).Sequence();
        _routing = stretchKey.Split(3).Sequence();
        _jitter = stretchKey.Split(4).Sequence();
        _load = load;
        _loadTimeAtZero = loadTime - start;
        _highestRate = load.HighestRate.PerSecond;
        _candidate = start;
        _end = end;
        Advance();
    }

    /// <summary>Draws the request after <see cref="Next"/>.</summary>
    public void Advance() =>
        Next = new(
            NextArrival(),
            serviceTime.Draw(ref _work),
            _admissions.NextDouble(),
            _routing.NextDouble(),
            SumOfTwoExponentials(ref _jitter)
        );

    private double NextArrival()
    {
        if (_load is null || _highestRate == 0)
        {
            return double.PositiveInfinity;
        }
        while (true)
        {
            _candidate += _arrivals.NextExponential() / _highestRate;
            if (_candidate >= _end)
            {
                return double.PositiveInfinity;
            }
            var rate = _load.RateAt(_candidate + _loadTimeAtZero).PerSecond;
            if (_arrivals.NextDouble() * _highestRate < rate)
            {
                return _candidate;
            }
        }
    }

    /// <summary>-ln u - ln v as -ln uv: one logarithm for two.</summary>
    private static double SumOfTwoExponentials(ref RandomSequence random) =>
        -Math.Log((1 - random.NextDouble()) * (1 - random.NextDouble()));
}
