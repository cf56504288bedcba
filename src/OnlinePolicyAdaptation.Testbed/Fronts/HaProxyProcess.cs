using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Testbed.Processes;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>An HAProxy of the testbed's own. Disposing of it ends it.</summary>
/// <remarks>
/// Where setpriv(1) is there, the kernel ends it with the process that started it, whatever that ends by. This follows the thread
/// that started it, so a thread is kept for it.
/// </remarks>
public sealed class HaProxyProcess : IServerProcess
{
    private static readonly TimeSpan LongestStart = TimeSpan.FromSeconds(30);

    private const int FreePortAttempts = 3;

    private static readonly string[] ProgramFolders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

    private readonly Process _process;
    private readonly Task _ended;
    private readonly string _folder;

    private HaProxyProcess(Process process, Task ended, string folder, Uri address, HaProxyFront front)
    {
        _process = process;
        _ended = ended;
        _folder = folder;
        Address = address;
        Front = front;
    }

    /// <summary>Where requests go.</summary>
    public Uri Address { get; }

    /// <summary>Steers it.</summary>
    public IFront Front { get; }

    /// <summary>The number by which the operating system knows it.</summary>
    public int Id => _process.Id;

    /// <summary>Completes when it has ended, for whatever reason.</summary>
    public Task Ended => _ended;

    /// <summary>Where HAProxy's program is; null: it is not installed.</summary>
    public static string? Program => PathOf("haproxy");

    /// <summary>Ends once it listens.</summary>
    /// <exception cref="BadInputException">
    /// HAProxy is not installed or does not start, such as for a port that is taken; a name or number is not for it.
    /// </exception>
    public static async Task<HaProxyProcess> StartAsync(FrontSettings settings, CancellationToken cancellationToken)
    {
        var program =
            Program
            ?? throw new BadInputException(
                "front haproxy: the program haproxy is not installed; install it, or leave the front out for the embedded one"
            );
        var folder = Directory.CreateTempSubdirectory("opar-haproxy-").FullName;
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    return await StartAsync(program, folder, settings, cancellationToken);
                }
                catch (BadInputException) when (settings.Port == 0 && attempt < FreePortAttempts)
                {
                    // somebody else has taken the port that was free
                }
            }
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>Ends it without a word, as a crash would.</summary>
    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _ended;
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<HaProxyProcess> StartAsync(
        string program,
        string folder,
        FrontSettings settings,
        CancellationToken cancellationToken
    )
    {
        var names = new HaProxyNames(
            [.. settings.Configuration.Services.Select(route => route.Name)],
            [.. settings.Nodes.Keys.Order(StringComparer.Ordinal)],
            Path.Combine(folder, "blocking.map")
        );
        var socket = Path.Combine(folder, "runtime.sock");
        var front = new HaProxyFront(socket, names);
        settings.Configuration.Check(names.Services, names.Nodes);
        HaProxyFront.CheckWeights(settings.Configuration);

        var port = settings.Port == 0 ? FreePort() : settings.Port;
        var configuration = Path.Combine(folder, "haproxy.cfg");
        await File.WriteAllTextAsync(
            configuration,
            HaProxyText.Configuration(port, names, settings, socket),
            cancellationToken
        );
        await File.WriteAllTextAsync(
            names.BlockingMap,
            HaProxyText.BlockingMap(settings.Configuration),
            cancellationToken
        );
        var (process, ended) = await SpawnAsync([program, "-db", "-f", configuration]);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await UntilItListensAsync(front, ended, errors, cancellationToken);
        }
        catch
        {
            process.Kill();
            await ended;
            process.Dispose();
            throw;
        }
        return new(process, ended, folder, new Uri(FormattableString.Invariant($"http://127.0.0.1:{port}/")), front);
    }

    private static async Task UntilItListensAsync(
        HaProxyFront front,
        Task ended,
        Task<string> errors,
        CancellationToken cancellationToken
    )
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                _ = await front.ReadBackAsync(cancellationToken);
                return;
            }
            catch (IOException) when (TimeProvider.System.GetElapsedTime(began) < LongestStart && !ended.IsCompleted)
            {
                await Task.WhenAny(ended, Task.Delay(TimeSpan.FromMilliseconds(10), cancellationToken));
            }
            catch (IOException e) when (ended.IsCompleted)
            {
                throw new BadInputException($"front haproxy: it ended at once: {Reason(await errors)}", e);
            }
        }
    }

    /// <summary>Starts a program from a thread that lives as long as the program does.</summary>
    private static async Task<(Process Process, Task Ended)> SpawnAsync(string[] command)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string[] bound = PathOf("setpriv") is { } setpriv ? [setpriv, "--pdeathsig", "KILL", .. command] : command;
        var thread = new Thread(() =>
        {
            try
            {
                var process = new Process { StartInfo = new(bound[0], bound[1..]) { RedirectStandardError = true } };
                process.Start();
                started.SetResult(process);
                process.WaitForExit();
                ended.SetResult();
            }
            catch (System.ComponentModel.Win32Exception e)
            {
                started.SetException(new BadInputException($"{bound[0]}: {e.Message}", e));
            }
        })
        {
            IsBackground = true,
            Name = "haproxy",
        };
        thread.Start();
        return (await started.Task, ended.Task);
    }

    /// <summary>What HAProxy says of its trouble, in one line: <c>[ALERT] (its number) : the trouble</c>.</summary>
    private static string Reason(string errors)
    {
        var lines = errors.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var alert = Array.Find(lines, line => line.StartsWith("[ALERT]", StringComparison.Ordinal));
        return alert is null ? string.Join("; ", lines) : alert[(alert.IndexOf(" : ", StringComparison.Ordinal) + 3)..];
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string? PathOf(string program) =>
        ProgramFolders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
