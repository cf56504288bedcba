using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>Poisson arrivals whose rate follows a load pattern times a factor that may change on the way.</summary>
/// <remarks>
/// By thinning (Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", Naval Research
/// Logistics Quarterly 26, 1979): candidates come at the pattern's highest rate, and each is kept with the probability
/// of the rate at its time. The wait for the next candidate is kept in expected candidates, not in seconds, so that a
/// new factor rescales what is left of it: the exponential has no memory. With the factor unchanged, the arrivals
/// depend on pattern and key alone, in however many pieces they are asked for.
/// </remarks>
internal sealed class PoissonArrivals
{
    private readonly LoadPattern _pattern;
    private RandomSequence _random;
    private double _factor = 1;
    private double _from;
    private double _wait;

    public PoissonArrivals(LoadPattern pattern, RandomKey key)
    {
        _pattern = pattern;
        _random = key.Sequence();
        _wait = _random.NextExponential();
    }

    private double CandidateRate => _pattern.HighestRate.PerSecond * _factor;

    /// <summary>From this time on, which no arrival given so far is later than, the rate is the pattern's times this.</summary>
    public void Rescale(double seconds, double factor)
    {
        if (factor != _factor)
        {
            _wait = Math.Max(0, _wait - ((seconds - _from) * CandidateRate));
            _from = seconds;
            _factor = factor;
        }
    }

    /// <summary>The next arrival, where it is before a time.</summary>
    public bool TryNext(double before, out double seconds)
    {
        while (CandidateRate > 0 && _from + (_wait / CandidateRate) < before)
        {
            _from += _wait / CandidateRate;
            _wait = _random.NextExponential();
            if (_random.NextDouble() * _pattern.HighestRate.PerSecond < _pattern.RateAt(_from).PerSecond)
            {
                seconds = _from;
                return true;
            }
        }
        seconds = double.PositiveInfinity;
        return false;
    }
}
