namespace OnlinePolicyAdaptation.Testbed.Processes;

/// <summary>A process that listens. Disposing of it ends it.</summary>
internal interface IServerProcess : IAsyncDisposable
{
    /// <summary>Where it listens.</summary>
    Uri Address { get; }

    /// <summary>The number by which the operating system knows it.</summary>
    int Id { get; }

    /// <summary>Completes when it has ended, for whatever reason.</summary>
    Task Ended { get; }

    /// <summary>Ends it without a word, as a crash would.</summary>
    void Kill();
}
