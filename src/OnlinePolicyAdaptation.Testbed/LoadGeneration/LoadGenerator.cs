using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Testbed.Collection;

namespace OnlinePolicyAdaptation.Testbed.LoadGeneration;

/// <summary>Sends requests when their time has come, whether or not the earlier ones are answered (open loop).</summary>
/// <remarks>
/// <para>Response times count from when a request was to be sent: a system that stalls delays all requests that come while it
/// does, and a generator that waits for answers would not see that ("coordinated omission", Tene 2013).</para>
/// <para>It sends from a thread of its own, and waits on it for nothing but the next request's time. Answers are taken on
/// the thread pool; those that wait for a thread there are late, and are seen as late.</para>
/// </remarks>
public sealed class LoadGenerator
{
    /// <summary>A load factor takes effect within this time, in seconds; requests are scheduled so far ahead.</summary>
    public const double SliceSeconds = 0.05;

    private readonly IReadOnlyList<ServiceLoad> _loads;
    private readonly RandomKey _key;
    private readonly Func<RequestClass, CancellationToken, Task<RequestResult>> _send;
    private readonly IReadOnlyList<Collector> _collectors;
    private double _loadFactor = 1;

    /// <param name="loads">What is sent.</param>
    /// <param name="key">Decides when; the same key, the same times.</param>
    /// <param name="send">Sends a request, and gives what came of it: <see cref="RequestSender.SendAsync"/>.</param>
    /// <param name="collectors">Each is told of every request; their classes are those of the loads.</param>
    public LoadGenerator(
        IReadOnlyList<ServiceLoad> loads,
        RandomKey key,
        Func<RequestClass, CancellationToken, Task<RequestResult>> send,
        IReadOnlyList<Collector> collectors
    )
    {
        _loads = loads;
        _key = key;
        _send = send;
        _collectors = collectors;
    }

    /// <summary>
    /// Requests that may be in flight at once; one that comes when they are is not sent, and counted as such. At least 1.
    /// </summary>
    public int MostInFlight { get; init; } = 2000;

    /// <summary>All loads are multiplied by it; at least 0. It may be set at any time, from any thread.</summary>
    public double LoadFactor
    {
        get => Volatile.Read(ref _loadFactor);
        set
        {
            if (!double.IsFinite(value) || value < 0)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "a load factor is finite and at least 0");
            }
            Volatile.Write(ref _loadFactor, value);
        }
    }

    /// <summary>Sends for some time, then waits for the answers that are missing.</summary>
    /// <param name="seconds">Above 0; infinity: until cancelled.</param>
    /// <param name="cancellationToken">Ends the sending and gives up what is in flight; the task then ends as ever.</param>
    public Task RunAsync(double seconds, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(seconds);
        var run = new Run(this, seconds, cancellationToken);
        new Thread(run.Send) { IsBackground = true, Name = "load generator" }.Start();
        return run.Completion;
    }

    /// <summary>One run, from the first request to the last answer.</summary>
    private sealed class Run(LoadGenerator generator, double seconds, CancellationToken cancellationToken)
    {
        private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly RequestSchedule _schedule = new(generator._loads, generator._key);
        private readonly SendingClock _clock = new();

        /// <summary>Requests in flight, and one for the sending itself: the run is over at 0.</summary>
        private int _open = 1;

        public Task Completion => _completion.Task;

        public void Send()
        {
            try
            {
                SendAll();
            }
            catch (Exception e)
            {
                _completion.TrySetException(e);
            }
            finally
            {
                Close();
            }
        }

        private void SendAll()
        {
            SendingClock.PrepareThread();
            var end = 0.0;
            for (var slice = 1L; end < seconds && !cancellationToken.IsCancellationRequested; slice++)
            {
                end = Math.Min(seconds, slice * SliceSeconds);
                foreach (var request in _schedule.Next(end, generator.LoadFactor))
                {
                    _clock.WaitUntil(request.Seconds);
                    SendOne(request);
                }
                _clock.WaitUntil(end);
            }
        }

        private void SendOne(ScheduledRequest request)
        {
            if (Volatile.Read(ref _open) > generator.MostInFlight)
            {
                foreach (var collector in generator._collectors)
                {
                    collector.Unsent(request.Load, $"not sent: {generator.MostInFlight} requests were in flight");
                }
                return;
            }
            Interlocked.Increment(ref _open);
            var lateness = _clock.Seconds - request.Seconds;
            foreach (var collector in generator._collectors)
            {
                collector.Sent(request.Load, lateness);
            }
            _ = AwaitAnswer(request);
        }

        private async Task AwaitAnswer(ScheduledRequest request)
        {
            try
            {
                var answer = await generator._send(generator._loads[request.Load].Requests, cancellationToken);
                var taken = _clock.Seconds - request.Seconds;
                foreach (var collector in generator._collectors)
                {
                    collector.Ended(request.Load, answer, taken);
                }
            }
            catch (Exception e)
            {
                // Trouble with the system is an answer; this is a fault of ours, which whoever awaits the run is told.
                _completion.TrySetException(e);
            }
            finally
            {
                Close();
            }
        }

        private void Close()
        {
            if (Interlocked.Decrement(ref _open) == 0)
            {
                _completion.TrySetResult();
            }
        }
    }
}
