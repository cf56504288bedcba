using System.Diagnostics;
using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Testbed.Collection;
using OnlinePolicyAdaptation.Testbed.LoadGeneration;
using OnlinePolicyAdaptation.Testbed.Processes;

namespace OnlinePolicyAdaptation.Testbed;

/// <summary>Load on a front, and what becomes of it, until it is disposed of.</summary>
public sealed class TestbedLoad : IAsyncDisposable
{
    /// <summary>A request that takes longer has failed; it is far beyond what a configuration of use takes.</summary>
    private static readonly TimeSpan LongestRequest = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly RequestSender _sender;
    private readonly LoadGenerator _generator;
    private readonly Task _run;

    private TestbedLoad(Uri front, IReadOnlyList<ServiceLoad> loads, RandomKey key)
    {
        using (var self = Process.GetCurrentProcess())
        {
            ChildProcess.Prefer(self);
        }
        _sender = new RequestSender(front, LongestRequest);
        Collector = new Collector([.. loads.Select(load => load.Requests)], TimeProvider.System);
        _generator = new LoadGenerator(loads, key, _sender.SendAsync, [Collector]);
        _run = _generator.RunAsync(double.PositiveInfinity, _stop.Token);
    }

    public Collector Collector { get; }

    /// <summary>All loads are multiplied by it; at least 0.</summary>
    public double Factor
    {
        get => _generator.LoadFactor;
        set => _generator.LoadFactor = value;
    }

    /// <summary>Begins to send.</summary>
    /// <param name="front">Where services are paths below.</param>
    /// <param name="services">Names.</param>
    /// <param name="patterns">One per service; their time 0 is now.</param>
    /// <param name="key">Decides when requests are sent.</param>
    public static TestbedLoad Start(
        Uri front,
        IReadOnlyList<string> services,
        IReadOnlyList<LoadPattern> patterns,
        RandomKey key
    ) =>
        new(
            front,
            [.. services.Zip(patterns, (service, pattern) => new ServiceLoad(new RequestClass(service), pattern))],
            key
        );

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _sender.Dispose();
        _stop.Dispose();
    }
}
