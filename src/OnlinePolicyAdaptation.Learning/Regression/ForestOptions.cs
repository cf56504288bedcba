namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>How a random forest is grown. A value out of its range is refused when it is set.</summary>
public sealed record ForestOptions
{
    /// <summary>Number of trees, at least 1. More trees even out the error that one tree's bootstrap makes.</summary>
    public int Trees
    {
        get;
        init => field = AtLeast(1, value, nameof(Trees));
    } = 120;

    /// <summary>Draws that every leaf holds at least, a row drawn twice counting twice; at least 1.</summary>
    public int MinSamplesLeaf
    {
        get;
        init => field = AtLeast(1, value, nameof(MinSamplesLeaf));
    } = 1;

    /// <summary>Splits between root and leaf at most, at least 0 (the root is a leaf); null: no limit.</summary>
    public int? MaxDepth
    {
        get;
        init => field = value is { } depth ? AtLeast(0, depth, nameof(MaxDepth)) : null;
    }

    /// <summary>
    /// Features that each node looks for a split in, drawn from those that vary in the node; at least 1 and at most the
    /// number of features, which is checked when a forest is fitted. Null: all.
    /// </summary>
    public int? FeaturesPerSplit
    {
        get;
        init => field = value is { } features ? AtLeast(1, features, nameof(FeaturesPerSplit)) : null;
    }

    /// <summary>Threads that trees are grown on, at least 1. Any number gives the same forest.</summary>
    public int Threads
    {
        get;
        init => field = AtLeast(1, value, nameof(Threads));
    } = 1;

    private static int AtLeast(int lowest, int value, string name) =>
        value >= lowest
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}, expected at least {lowest}");
}
