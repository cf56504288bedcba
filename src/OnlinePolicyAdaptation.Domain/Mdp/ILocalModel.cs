namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>
/// A deterministic system model over a vector of levels, for systems with too many controls to enumerate anything. Its
/// rewards are put together from local terms: a term depends on few components, a configuration's terms add up to a few
/// sums, and the reward of a step depends on the sums at its two ends.
/// </summary>
/// <remarks>
/// Moving one component changes the terms it touches and no others, which is what makes the Q-factors of its choices
/// cheap to compare. Pure and thread-safe.
/// </remarks>
public interface ILocalModel
{
    /// <summary>The components, terms and sums, and which depends on which.</summary>
    TermLayout Layout { get; }

    /// <summary>A term under the levels of all components. It looks at those in its scope only.</summary>
    double Term(int term, ReadOnlySpan<int> levels);

    /// <summary>The reward of a step between two configurations, given the sums of each.</summary>
    double Reward(ReadOnlySpan<double> left, ReadOnlySpan<double> reached);
}
