namespace OnlinePolicyAdaptation.Testbed.Nodes;

/// <summary>A processor that all requests of a node share: each gets a small piece of work done in turn, within a CPU quota.</summary>
/// <remarks>Processor sharing with one thread, so a node uses one CPU at most and the order of turns does not depend on the machine.</remarks>
internal sealed class SharedProcessor : IDisposable
{
    private sealed record PendingWork(WorkStep Step, CancellationToken Abandoned)
    {
        public double Remaining { get; set; }

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private readonly object _gate = new();
    private readonly Queue<PendingWork> _pending = new();
    private readonly CpuQuota _quota = new();
    private readonly Thread _thread;
    private double _cpus;
    private double _used;
    private bool _isStopped;

    /// <param name="cpus">The quota, in CPUs; not negative.</param>
    public SharedProcessor(double cpus)
    {
        _cpus = cpus;
        _thread = new Thread(Work) { IsBackground = true, Name = "shared processor" };
        _thread.Start();
    }

    /// <summary>The quota, in CPUs; not negative. Effective at once.</summary>
    public double Cpus
    {
        get => Volatile.Read(ref _cpus);
        set => Volatile.Write(ref _cpus, value);
    }

    /// <summary>CPU seconds that were used.</summary>
    public double CpuSeconds => Volatile.Read(ref _used);

    /// <summary>Requests that are being worked on.</summary>
    public int InProgress
    {
        get
        {
            lock (_gate)
            {
                return _pending.Count;
            }
        }
    }

    /// <summary>Repeats a step until it has taken so much CPU time, to half a step.</summary>
    /// <exception cref="OperationCanceledException">It was abandoned.</exception>
    public Task RunAsync(WorkStep step, double cpuSeconds, CancellationToken abandoned)
    {
        var work = new PendingWork(step, abandoned) { Remaining = cpuSeconds };
        lock (_gate)
        {
            _pending.Enqueue(work);
            Monitor.Pulse(_gate);
        }
        return work.Done.Task;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isStopped = true;
            Monitor.Pulse(_gate);
        }
        _thread.Join();
    }

    private void Work()
    {
        while (Next() is { } work)
        {
            if (work.Abandoned.IsCancellationRequested)
            {
                End(work, isAbandoned: true);
            }
            else if (_quota.Wait(Cpus) is var wait && wait > TimeSpan.Zero)
            {
                // The turn is kept.
                Thread.Sleep(Math.Max(1, (int)Math.Ceiling(wait.TotalMilliseconds)));
            }
            else
            {
                TakeTurn(work);
            }
        }
    }

    private PendingWork? Next()
    {
        lock (_gate)
        {
            while (_pending.Count == 0 && !_isStopped)
            {
                _quota.Rest();
                _ = Monitor.Wait(_gate);
            }
            return _isStopped ? null : _pending.Peek();
        }
    }

    private void TakeTurn(PendingWork work)
    {
        var began = CpuClock.Seconds;
        work.Step();
        var spent = CpuClock.Seconds - began;
        _quota.Spend(spent);
        Volatile.Write(ref _used, _used + spent);
        work.Remaining -= spent;
        if (work.Remaining <= spent / 2)
        {
            End(work, isAbandoned: false);
            return;
        }
        lock (_gate)
        {
            _pending.Enqueue(_pending.Dequeue());
        }
    }

    private void End(PendingWork work, bool isAbandoned)
    {
        lock (_gate)
        {
            _ = _pending.Dequeue();
        }
        if (isAbandoned)
        {
            work.Done.SetCanceled(work.Abandoned);
        }
        else
        {
            work.Done.SetResult();
        }
    }
}
