using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Testbed.Fronts;
using OnlinePolicyAdaptation.Testbed.Nodes;

namespace OnlinePolicyAdaptation.Testbed.Processes;

/// <summary>What a child process says once on standard output: where it listens, or why it does not.</summary>
internal sealed record ChildReport(Uri? Address, string? Error);

/// <summary>A process of the testbed: reads its settings from the first line of standard input, and lives until the rest of it ends.</summary>
/// <remarks>
/// Its parent holds the other end and never writes more. So when the parent ends in whatever way, by kill -9 as well, this
/// process is told by the kernel and ends at once; nothing it has is worth saving. (PR_SET_PDEATHSIG would follow the thread
/// that started it, which in .NET is one of the pool, and may end.)
/// </remarks>
public static class ChildProgram
{
    /// <summary>Runs a node.</summary>
    public static Task NodeAsync() =>
        RunAsync<NodeSettings>(async settings => (await NodeServer.StartAsync(settings)).Address);

    /// <summary>Runs the embedded front.</summary>
    public static Task FrontAsync() =>
        RunAsync<FrontSettings>(async settings => (await YarpFront.StartAsync(settings)).Address);

    private static async Task RunAsync<TSettings>(Func<TSettings, Task<Uri>> start)
        where TSettings : class
    {
        // Ctrl-C goes to the whole group; the parent decides what it means.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => signal.Cancel = true);
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => signal.Cancel = true);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, signal => signal.Cancel = true);
        using var input = new StreamReader(Console.OpenStandardInput());
        var text = await input.ReadLineAsync();
        if (text is null)
        {
            throw new BadInputException(
                "standard input is empty; expected settings, as the testbed gives them to its processes"
            );
        }
        EndWithInput(input);
        try
        {
            var settings =
                JsonSerializer.Deserialize<TSettings>(text, LoopbackServer.Json)
                ?? throw new BadInputException("standard input: null; expected settings");
            Report(new ChildReport(await start(settings), null));
        }
        catch (Exception e) when (e is BadInputException or JsonException)
        {
            Report(new ChildReport(null, e.Message));
        }
        await Task.Delay(Timeout.Infinite);
    }

    private static void Report(ChildReport report) =>
        Console.WriteLine(JsonSerializer.Serialize(report, LoopbackServer.Json));

    /// <summary>On a thread of its own, since those of the pool may all be at work.</summary>
    private static void EndWithInput(StreamReader input) =>
        new Thread(() =>
        {
            try
            {
                while (input.Read() >= 0) { }
            }
            finally
            {
                using var self = Process.GetCurrentProcess();
                self.Kill();
            }
        })
        {
            IsBackground = true,
            Name = "end with the parent",
        }.Start();
}
