using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed.Processes;

/// <summary>A process that is started again, at the same port, when it ends though it is wanted.</summary>
internal sealed class Supervised : IAsyncDisposable
{
    private static readonly TimeSpan BeforeNextStart = TimeSpan.FromSeconds(1);

    private readonly string _name;
    private readonly Func<int, CancellationToken, Task<IServerProcess>> _start;
    private readonly Action<string> _tell;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _returns = new(0);
    private readonly Task _watch;
    private volatile IServerProcess _process;
    private volatile bool _isWanted = true;

    private Supervised(
        string name,
        Func<int, CancellationToken, Task<IServerProcess>> start,
        IServerProcess process,
        Action<string> tell
    )
    {
        _name = name;
        _start = start;
        _process = process;
        _tell = tell;
        Address = process.Address;
        _watch = Task.Run(WatchAsync);
    }

    public Uri Address { get; }

    /// <summary>The one that runs now, or ran last.</summary>
    public IServerProcess Process => _process;

    /// <param name="name">For messages.</param>
    /// <param name="port">0: any free one.</param>
    /// <param name="start">Starts it at a port.</param>
    /// <param name="tell">What happens to it, in a sentence; called from any thread.</param>
    /// <param name="cancellationToken">Of the start.</param>
    public static async Task<Supervised> StartAsync(
        string name,
        int port,
        Func<int, CancellationToken, Task<IServerProcess>> start,
        Action<string> tell,
        CancellationToken cancellationToken
    )
    {
        var process = await start(port, cancellationToken);
        return new Supervised(name, start, process, tell);
    }

    /// <summary>It ends, and stays away.</summary>
    public void Remove()
    {
        if (_isWanted)
        {
            _isWanted = false;
            _process.Kill();
        }
    }

    /// <summary>It comes back after <see cref="Remove"/>.</summary>
    public void Return()
    {
        if (!_isWanted)
        {
            _isWanted = true;
            _ = _returns.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watch;
        await _process.DisposeAsync();
        _stop.Dispose();
        _returns.Dispose();
    }

    private async Task WatchAsync()
    {
        try
        {
            while (true)
            {
                await _process.Ended.WaitAsync(_stop.Token);
                if (_isWanted)
                {
                    _tell($"{_name} has ended; it is started again");
                    await Task.Delay(BeforeNextStart, _stop.Token);
                }
                else
                {
                    await _returns.WaitAsync(_stop.Token);
                }
                await StartAgainAsync();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // it is no longer needed
        }
    }

    private async Task StartAgainAsync()
    {
        while (true)
        {
            try
            {
                var next = await _start(Address.Port, _stop.Token);
                await _process.DisposeAsync();
                _process = next;
                _tell($"{_name} is back at {Address}");
                return;
            }
            catch (BadInputException e)
            {
                _tell($"{_name} does not start again: {e.Message}");
                await Task.Delay(BeforeNextStart, _stop.Token);
            }
        }
    }
}
