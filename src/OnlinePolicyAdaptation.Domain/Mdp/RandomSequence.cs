namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>The sequence of random numbers of one <see cref="RandomKey"/>, by SplitMix64.</summary>
/// <remarks>A mutable struct of eight bytes: keep it in a local variable and pass it by reference.</remarks>
public struct RandomSequence
{
    private ulong _state;

    internal RandomSequence(ulong state) => _state = state;

    /// <summary>Uniform on all 2^64 numbers.</summary>
    public ulong NextUInt64() => RandomKey.Mix(_state += 0x9E3779B97F4A7C15);

    /// <summary>Uniform on [0, 1), a multiple of 2^-53.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform on 0 .. bound-1, without the bias of a remainder beyond 2^-64 times <paramref name="bound"/>.</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return (int)Math.BigMul(NextUInt64(), (ulong)bound, out _);
    }

    /// <summary>Exponential with mean 1.</summary>
    public double NextExponential() => -Math.Log(1.0 - NextDouble());

    /// <summary>Normal with mean 0 and variance 1 (Box and Muller; the second value of the pair is not kept).</summary>
    public double NextNormal() => Math.Sqrt(2.0 * NextExponential()) * Math.Cos(2.0 * Math.PI * NextDouble());

    /// <summary>Brings items into a random order; all orders are equally likely. (R. Durstenfeld, Algorithm 235, 1964.)</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
