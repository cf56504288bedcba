using System.Collections.Immutable;

namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>Which terms a model over a vector of levels is made of, and which components each term depends on.</summary>
/// <remarks>Components, terms and sums are numbered from 0. Every term belongs to one sum.</remarks>
public sealed class TermLayout
{
    private readonly ImmutableArray<int>[] _termsOf;
    private readonly int[] _levelCounts;
    private readonly int[] _sumOf;

    /// <param name="levelCounts">The number of levels of each component.</param>
    /// <param name="sumCount">The number of sums.</param>
    /// <param name="terms">Of each term: the sum it belongs to, and the components it depends on, each once.</param>
    public TermLayout(
        IEnumerable<int> levelCounts,
        int sumCount,
        IReadOnlyList<(int Sum, IReadOnlyList<int> Scope)> terms
    )
    {
        _levelCounts = [.. levelCounts];
        _sumOf = [.. terms.Select(term => term.Sum)];
        SumCount = sumCount;
        var termsOf = _levelCounts.Select(_ => ImmutableArray.CreateBuilder<int>()).ToArray();
        for (var term = 0; term < terms.Count; term++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(_sumOf[term], nameof(terms));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(_sumOf[term], sumCount, nameof(terms));
            foreach (var component in terms[term].Scope)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(component, nameof(terms));
                ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(component, termsOf.Length, nameof(terms));
                termsOf[component].Add(term);
            }
        }
        _termsOf = [.. termsOf.Select(list => list.ToImmutable())];
    }

    public int TermCount => _sumOf.Length;

    public int SumCount { get; }

    /// <summary>The number of levels of a component.</summary>
    public int LevelCount(int component) => _levelCounts[component];

    /// <summary>The sum that a term belongs to.</summary>
    public int SumOf(int term) => _sumOf[term];

    /// <summary>The terms that depend on a component, ascending.</summary>
    public ReadOnlySpan<int> TermsOf(int component) => _termsOf[component].AsSpan();
}
