using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed.Processes;

/// <summary>A process of the testbed that is this program itself.</summary>
internal sealed class ChildProcess : IServerProcess
{
    /// <summary>A process that has not said by then where it listens never will; a busy machine takes seconds.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private ChildProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    public Uri Address { get; }

    public int Id => _process.Id;

    public Task Ended => _process.WaitForExitAsync();

    /// <summary>Ends once it has started to listen.</summary>
    /// <exception cref="BadInputException">It does not; the message says why.</exception>
    public static async Task<ChildProcess> StartAsync<TSettings>(
        HostCommand host,
        string verb,
        TSettings settings,
        CancellationToken cancellationToken
    )
    {
        var start = new ProcessStartInfo(host.FileName, [.. host.Arguments, "testbed", verb])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var process =
            Process.Start(start) ?? throw new BadInputException($"{host.FileName} testbed {verb}: it did not start");
        Prefer(process);
        try
        {
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(settings, LoopbackServer.Json));
            await process.StandardInput.FlushAsync(cancellationToken);
            using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            late.CancelAfter(LongestStart);
            return new ChildProcess(process, await AddressAsync(process, verb, late.Token));
        }
        catch (Exception e)
        {
            await EndAsync(process);
            process.Dispose();
            throw e switch
            {
                OperationCanceledException when !cancellationToken.IsCancellationRequested => new BadInputException(
                    $"testbed {verb}: no word within {LongestStart.TotalSeconds} s of its start",
                    e
                ),
                IOException => new BadInputException($"testbed {verb}: it ended at once", e),
                _ => e,
            };
        }
    }

    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        await EndAsync(_process);
        _process.Dispose();
    }

    private static async Task<Uri> AddressAsync(Process process, string verb, CancellationToken cancellationToken)
    {
        var line =
            await process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new BadInputException($"testbed {verb}: it ended before it listened");
        var report = JsonSerializer.Deserialize<ChildReport>(line, LoopbackServer.Json);
        return report?.Address ?? throw new BadInputException(report?.Error ?? $"testbed {verb}: said {line}");
    }

    /// <summary>Before what else the machine has to do, where that is permitted: a testbed needs little, but at once.</summary>
    internal static void Prefer(Process process)
    {
        try
        {
            process.PriorityClass = ProcessPriorityClass.High;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            // not permitted, or it has ended, which is seen when it is read from
        }
    }

    private static async Task EndAsync(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync();
    }
}
