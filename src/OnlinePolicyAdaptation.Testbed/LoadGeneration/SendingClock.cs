using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>Seconds since it was made, and waits that end within some ten microseconds of the time that is waited for.</summary>
/// <remarks>
/// Thread.Sleep is up to a millisecond late. On Linux nanosleep(2) is not, once the thread has given up the 50 us that
/// the kernel may round its timers by (PR_SET_TIMERSLACK, prctl(2)). Elsewhere the last two milliseconds are spun away.
/// </remarks>
internal sealed class SendingClock
{
    private const int SetTimerSlack = 29;
    private const double SpunSeconds = 0.002;

    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Seconds since the clock was made.</summary>
    public double Seconds => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    /// <summary>Asks for exact timers for the thread that calls, which is the one that will wait.</summary>
    public static void PrepareThread()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = PrCtl(SetTimerSlack, 1000, 0, 0, 0);
        }
    }

    /// <summary>Returns at a time, or at once where that has passed.</summary>
    public void WaitUntil(double seconds)
    {
        while (seconds - Seconds is > 0 and var left)
        {
            if (OperatingSystem.IsLinux())
            {
                // A signal may end it early; the loop then waits for the rest.
                var whole = Math.Floor(left);
                var wait = new TimeSpecification((nint)whole, (nint)((left - whole) * 1e9));
                _ = NanoSleep(in wait, 0);
            }
            else if (left > SpunSeconds)
            {
                Thread.Sleep(TimeSpan.FromSeconds(left - SpunSeconds));
            }
            else
            {
                Thread.SpinWait(20);
            }
        }
    }

    /// <summary>See timespec(3).</summary>
    private readonly record struct TimeSpecification(nint Seconds, nint Nanoseconds);

    [DllImport("libc", EntryPoint = "nanosleep")]
    private static extern int NanoSleep(in TimeSpecification wait, nint left);

    [DllImport("libc", EntryPoint = "prctl")]
    private static extern int PrCtl(int option, nuint second, nuint third, nuint fourth, nuint fifth);
}
