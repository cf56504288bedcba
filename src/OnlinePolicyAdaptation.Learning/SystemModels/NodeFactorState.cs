namespace OnlinePolicyAdaptation.Learning.SystemModels;

/// <summary>All that a filter of node factors carries on, to be kept in a file.</summary>
/// <param name="Joint">Of two nodes the probability of each pair of factors, the first node's row by row; else none.</param>
/// <param name="Probabilities">Node by node, the probability of each factor of the grid.</param>
/// <param name="Announced">Of each node, the logarithm of the factor that was announced last.</param>
/// <param name="Streaks">Of each node, for how many intervals it has probably been another.</param>
/// <param name="LeftOver">Of each service, what was left over last.</param>
/// <param name="Ages">Of each service, how many intervals ago that was; 0: never.</param>
public sealed record NodeFactorState(
    double[] Joint,
    double[] Probabilities,
    double[] Announced,
    int[] Streaks,
    double[] LeftOver,
    int[] Ages
);
