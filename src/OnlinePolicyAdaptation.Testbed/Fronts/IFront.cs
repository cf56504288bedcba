namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>The front that all requests pass, as it is steered while it runs.</summary>
/// <remarks>Calls do not overlap. What cannot be reached is an <see cref="HttpRequestException"/> or <see cref="IOException"/>.</remarks>
public interface IFront
{
    /// <summary>Half the difference of the nearest weights and rates that the front can tell apart; 0: it takes any.</summary>
    double Resolution { get; }

    /// <summary>Brings a configuration into force with the next request; none that is under way is dropped.</summary>
    Task ApplyAsync(FrontConfiguration configuration, CancellationToken cancellationToken);

    /// <summary>The configuration in force, asked of the front and not remembered.</summary>
    Task<FrontConfiguration> ReadBackAsync(CancellationToken cancellationToken);
}
