using System.Diagnostics.CodeAnalysis;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>
/// The mesh in simulated time: requests arrive, are refused or routed, share a node's cores, and are answered.
/// </summary>
/// <remarks>
/// Discrete-event simulation: the clock jumps from one arrival or departure to the next. The next event is found by
/// looking at every service and node, which for the few dozen of a mesh is cheaper than a queue of events. Of events at
/// the same time, departures come first, and lower numbers first.
/// </remarks>
internal sealed class MeshSimulation
{
    private readonly MeshParameters _parameters;
    private readonly RequestStream[] _streams;
    private readonly ProcessorSharingNode[] _nodes;
    private readonly ServiceMeasurement[] _measurements;
    private AppliedControls _controls;
    private double _now;
    private long _arrived;
    private long _refused;
    private long _dropped;
    private long _answered;

    public MeshSimulation(MeshParameters parameters, AppliedControls controls, RandomKey key)
    {
        _streams =
        [
            .. parameters.ServiceTimes.Select((serviceTime, i) => new RequestStream(serviceTime, key.Split(i))),
        ];
        _nodes = [.. parameters.Nodes.Select(_ => new ProcessorSharingNode())];
        _measurements = [.. parameters.ServiceTimes.Select(_ => new ServiceMeasurement(parameters.Nodes.Count))];
        _parameters = parameters;
        Apply(controls);
    }

    public RequestCounts Counts => new(_arrived, _refused, _dropped, _answered, _nodes.Sum(node => (long)node.Jobs));

    /// <summary>Brings controls into force from now on. Requests in flight keep the work they have left.</summary>
    [MemberNotNull(nameof(_controls))]
    public void Apply(AppliedControls controls)
    {
        _controls = controls;
        for (var i = 0; i < _nodes.Length; i++)
        {
            var cores = controls.Cores(i);
            _nodes[i].Resize(_now, _parameters.Nodes[i].SpeedWith(cores), cores);
        }
    }

    /// <summary>Lets time pass, measuring from nothing.</summary>
    /// <param name="seconds">How much time.</param>
    /// <param name="stretch">Number of this stretch of time, which selects its random numbers.</param>
    /// <param name="loads">One per service.</param>
    /// <param name="loadTime">The time in the load patterns at which the stretch begins, in seconds.</param>
    public void Run(double seconds, ulong stretch, ReadOnlySpan<LoadPattern> loads, double loadTime)
    {
        var end = _now + seconds;
        for (var i = 0; i < _streams.Length; i++)
        {
            _measurements[i].Clear();
            _streams[i].Begin(stretch, _now, end, loads[i], loadTime);
        }
        while (TryStep(end)) { }
        _now = end;
    }

    /// <summary>What was measured of every service in the last run, which took so many seconds.</summary>
    public EquatableArray<ServiceMetrics> Summarize(double seconds) =>
        _measurements.Select(measurement => measurement.Summarize(seconds)).ToEquatableArray();

    /// <summary>Lets the next event happen, if there is one before the end.</summary>
    private bool TryStep(double end)
    {
        var time = end;
        var departing = -1;
        for (var i = 0; i < _nodes.Length; i++)
        {
            if (_nodes[i].NextDeparture < time)
            {
                (time, departing) = (_nodes[i].NextDeparture, i);
            }
        }
        var arriving = -1;
        for (var i = 0; i < _streams.Length; i++)
        {
            if (_streams[i].Next.Arrival < time)
            {
                (time, arriving) = (_streams[i].Next.Arrival, i);
            }
        }
        if (arriving >= 0)
        {
            Arrive(arriving);
        }
        else if (departing >= 0)
        {
            Depart(departing, time);
        }
        return arriving >= 0 || departing >= 0;
    }

    private void Arrive(int service)
    {
        var request = _streams[service].Next;
        _streams[service].Advance();
        _arrived++;
        _measurements[service].Arrived();
        if (_controls.Refuses(service, request.Admission))
        {
            _refused++;
            _measurements[service].Blocked();
            return;
        }
        var node = _controls.Route(service, request.Routing);
        var parameters = _parameters.Nodes[node];
        if (_nodes[node].Jobs >= parameters.Capacity)
        {
            _dropped++;
            _measurements[service].Dropped();
            return;
        }
        var latency = (2 * parameters.LatencySeconds) + (request.Jitter * parameters.JitterSeconds);
        _nodes[node].Admit(request.Arrival, new Job(service, request.Arrival - latency), request.Work);
    }

    private void Depart(int node, double now)
    {
        var job = _nodes[node].Depart();
        _answered++;
        _measurements[job.Service].Answered(node, now - job.Origin);
    }
}
