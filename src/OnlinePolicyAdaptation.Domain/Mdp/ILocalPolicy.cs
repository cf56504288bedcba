namespace OnlinePolicyAdaptation.Domain.Mdp;

/// <summary>A policy over a vector of levels in which every component decides for itself, by few components.</summary>
/// <remarks>Pure and thread-safe.</remarks>
public interface ILocalPolicy
{
    /// <summary>The move of a component: -1, 0 or +1 level. A move that would leave the grid counts as 0.</summary>
    int Move(int component, ReadOnlySpan<int> levels);

    /// <summary>The components whose moves depend on this one's level.</summary>
    ReadOnlySpan<int> Dependents(int component);
}
