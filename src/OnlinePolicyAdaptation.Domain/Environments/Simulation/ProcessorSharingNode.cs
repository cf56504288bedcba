namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>A request at a node.</summary>
/// <param name="Service">Number of its service.</param>
/// <param name="Origin">
/// The time from which its response time counts: its arrival less the network latency both ways.
/// </param>
internal readonly record struct Job(int Service, double Origin);

/// <summary>A node whose cores are shared equally by its jobs: of n jobs each gets min(1, cores / n) cores.</summary>
/// <remarks>
/// As all jobs progress at the same rate, the node keeps one number, the work that a job present all along would have
/// attained; a job leaves when that number has grown by its work since it came. Jobs wait in a heap by the number at
/// which they leave, so an arrival or departure among n jobs costs O(log n), and no job is touched in between.
/// </remarks>
internal sealed class ProcessorSharingNode
{
    private readonly PriorityQueue<Job, double> _jobs = new();
    private double _speed;
    private double _cores;
    private double _now;
    private double _attained;

    public int Jobs => _jobs.Count;

    /// <summary>Simulated time of the next departure; infinite where there is none.</summary>
    public double NextDeparture { get; private set; } = double.PositiveInfinity;

    /// <summary>Changes the node from a time on; jobs keep the work they have left.</summary>
    public void Resize(double now, double speed, double cores)
    {
        Progress(now);
        _speed = speed;
        _cores = cores;
        FindNextDeparture();
    }

    public void Admit(double now, Job job, double work)
    {
        Progress(now);
        _jobs.Enqueue(job, _attained + work);
        FindNextDeparture();
    }

    /// <summary>Removes the job that leaves at <see cref="NextDeparture"/>, which must be finite.</summary>
    public Job Depart()
    {
        _now = NextDeparture;
        _ = _jobs.TryDequeue(out var job, out var leavesAt);
        // An idle node starts counting from 0, or long runs would lose digits.
        _attained = _jobs.Count > 0 ? leavesAt : 0;
        FindNextDeparture();
        return job;
    }

    private double RatePerJob => _speed * Math.Min(1, _cores / _jobs.Count);

    private void Progress(double now)
    {
        if (_jobs.Count > 0)
        {
            _attained += RatePerJob * (now - _now);
        }
        _now = now;
    }

    private void FindNextDeparture() =>
        NextDeparture =
            _jobs.TryPeek(out _, out var leavesAt) && RatePerJob > 0
                ? _now + (Math.Max(0, leavesAt - _attained) / RatePerJob)
                : double.PositiveInfinity;
}
