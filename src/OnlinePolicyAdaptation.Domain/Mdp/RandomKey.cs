namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>A source of randomness that is a value: the same key always gives the same random numbers.</summary>
/// <remarks>
/// Keys are split, never advanced: run, cycle, trajectory, tree each get a child, so results do not depend on the order
/// or the thread in which they are computed. Mixing is the finalizer of SplitMix64 (Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
/// </remarks>
public readonly record struct RandomKey(ulong Value)
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    /// <summary>The child key with this index; children of one key are independent of each other and of it.</summary>
    public RandomKey Split(ulong index) => new(Mix(Mix(Value) + (GoldenGamma * (index + 1))));

    /// <inheritdoc cref="Split(ulong)"/>
    public RandomKey Split(int index) => Split(unchecked((ulong)index));

    /// <summary>The random numbers of this key, from the first.</summary>
    public RandomSequence Sequence() => new(Mix(Value ^ GoldenGamma));

    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
