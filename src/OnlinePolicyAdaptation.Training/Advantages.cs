namespace OnlinePolicyAdaptation.Training;

/// <summary>Why a step is the last of its episode, if it is.</summary>
internal enum StepEnd : byte
{
    /// <summary>The episode goes on.</summary>
    None,

    /// <summary>The episode was cut off: rewards would follow, and the critic says how many.</summary>
    Truncated,

    /// <summary>The episode is over: nothing follows.</summary>
    Terminated,
}

/// <summary>
/// Generalised advantage estimation (Schulman et al., "High-dimensional continuous control using generalized advantage
/// estimation", 2016, eq. 16).
/// </summary>
internal static class Advantages
{
    /// <summary>
    /// The advantage of every step that one environment took, in their order: the sum over the rest of the episode of
    /// (discount decay)^k delta_(t+k), where delta = reward + discount V(state reached) - V(state left).
    /// </summary>
    /// <param name="rewards">Of each step.</param>
    /// <param name="values">V of the state that each step left.</param>
    /// <param name="nextValues">V of the state that each step reached; not looked at where the episode terminated.</param>
    /// <param name="ends">Whether each step was the last of its episode.</param>
    /// <param name="discount">Discount of the rewards.</param>
    /// <param name="decay">Lambda, the further discount of differences.</param>
    /// <param name="advantages">Receives one value per step.</param>
    public static void Estimate(
        ReadOnlySpan<float> rewards,
        ReadOnlySpan<float> values,
        ReadOnlySpan<float> nextValues,
        ReadOnlySpan<StepEnd> ends,
        double discount,
        double decay,
        Span<float> advantages
    )
    {
        var advantage = 0.0;
        for (var t = rewards.Length - 1; t >= 0; t--)
        {
            var following = ends[t] == StepEnd.Terminated ? 0 : discount * nextValues[t];
            var carried = ends[t] == StepEnd.None ? discount * decay * advantage : 0;
            advantage = rewards[t] + following - values[t] + carried;
            advantages[t] = (float)advantage;
        }
    }
}
