using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>CPU time of the calling thread; on systems without such a clock, time.</summary>
/// <remarks>So a request takes its CPU seconds, whatever else the machine does meanwhile.</remarks>
internal static class CpuClock
{
    private const int ThreadCpuTime = 3; // CLOCK_THREAD_CPUTIME_ID, see clock_gettime(2)

    public static double Seconds =>
        OperatingSystem.IsLinux() && GetTime(ThreadCpuTime, out var time) == 0
            ? time.Seconds + (time.Nanoseconds * 1e-9)
            : Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int GetTime(int clock, out Time time);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Time
    {
        public readonly nint Seconds;
        public readonly nint Nanoseconds;
    }
}
