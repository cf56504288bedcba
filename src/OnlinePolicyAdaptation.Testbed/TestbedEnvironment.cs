using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;
using OnlinePolicyAdaptation.Testbed.Nodes;
using OnlinePolicyAdaptation.Testbed.Processes;

namespace OnlinePolicyAdaptation.Testbed;

/// <summary>A testbed under load as an environment: each cycle is a settling time, which is not measured, and a monitoring interval.</summary>
/// <remarks>
/// Cycles follow each other at a fixed pace from the first observation on, so what a decision takes is part of the settling
/// time, and all policies meet the same load at the same times.
/// </remarks>
public sealed class TestbedEnvironment : IEnvironment
{
    private readonly TestbedProcesses _processes;
    private readonly TestbedActuator _actuator;
    private readonly TestbedLoad _load;
    private readonly Topology _topology;
    private readonly MonitoringSchedule _schedule;
    private readonly Func<long, CancellationToken, Task> _beforeCycle;
    private readonly Action<string> _tell;
    private readonly TimeProvider _time = TimeProvider.System;
    private long? _began;
    private long _cycle;

    /// <param name="processes">They run.</param>
    /// <param name="topology">Their services and nodes.</param>
    /// <param name="grid">The controls.</param>
    /// <param name="load">It runs.</param>
    /// <param name="schedule">Settling time and monitoring interval of each cycle.</param>
    /// <param name="beforeCycle">What happens to the system, before the cycle of a number, from 0.</param>
    /// <param name="tell">What is doubtful about a measurement, in a sentence.</param>
    public TestbedEnvironment(
        TestbedProcesses processes,
        Topology topology,
        ControlGrid grid,
        TestbedLoad load,
        MonitoringSchedule schedule,
        Func<long, CancellationToken, Task> beforeCycle,
        Action<string> tell
    )
    {
        _processes = processes;
        _actuator = new TestbedActuator(processes, topology, grid);
        _load = load;
        _topology = topology;
        _schedule = schedule;
        _beforeCycle = beforeCycle;
        _tell = tell;
    }

    public ValueTask ApplyAsync(Configuration configuration, CancellationToken cancellationToken) =>
        _actuator.ApplyAsync(configuration, cancellationToken);

    public ValueTask<Configuration> ReadBackAsync(CancellationToken cancellationToken) =>
        _actuator.ReadBackAsync(cancellationToken);

    public async ValueTask<Metrics> ObserveAsync(CancellationToken cancellationToken)
    {
        var number = _cycle;
        var interval = await ObserveIntervalAsync(cancellationToken);
        return new Metrics(number, interval.Configuration, interval.Services);
    }

    /// <summary>The same with the time of the interval and the utilisation of the nodes.</summary>
    public async ValueTask<Interval> ObserveIntervalAsync(CancellationToken cancellationToken)
    {
        var began = _began ??= _time.GetTimestamp();
        var start = _cycle * (_schedule.SettlingSeconds + _schedule.IntervalSeconds);
        await _beforeCycle(_cycle, cancellationToken);
        await WaitAsync(began, start + _schedule.SettlingSeconds, cancellationToken);
        _ = _load.Collector.Cut();
        var usageBefore = await UsageAsync(cancellationToken);
        await WaitAsync(began, start + _schedule.SettlingSeconds + _schedule.IntervalSeconds, cancellationToken);
        var measured = _load.Collector.Cut();
        var usage = await UsageAsync(cancellationToken);
        var configuration = await _actuator.ReadBackAsync(cancellationToken);
        _cycle++;
        if (!measured.Sending.KeptUp)
        {
            _tell(
                FormattableString.Invariant(
                    $"the load generator did not keep up in cycle {_cycle - 1}: {measured.Sending.Unsent} requests not sent, 1 % more than {measured.Sending.P99LatenessSeconds * 1000:0.0} ms late"
                )
            );
        }
        return measured.ToInterval(_topology, configuration) with
        {
            Nodes =
            [
                .. usageBefore.Zip(
                    usage,
                    (one, other) => new NodeMetrics(Utilisation(one, other, measured.LengthSeconds))
                ),
            ],
        };
    }

    /// <summary>Null where the node was away, or is another process than before.</summary>
    private static double? Utilisation(NodeUsage? before, NodeUsage? after, double seconds) =>
        before is not null && after is not null && after.CpuSeconds >= before.CpuSeconds && after.CpuQuota > 0
            ? (after.CpuSeconds - before.CpuSeconds) / (seconds * after.CpuQuota)
            : null;

    private async Task<NodeUsage?[]> UsageAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(
            Enumerable.Range(0, _topology.Nodes.Count).Select(node => _processes.UsageAsync(node, cancellationToken))
        );

    /// <summary>Until a time after the first observation began; not at all where that has passed.</summary>
    private async Task WaitAsync(long began, double seconds, CancellationToken cancellationToken)
    {
        var left = TimeSpan.FromSeconds(seconds) - _time.GetElapsedTime(began);
        if (left > TimeSpan.Zero)
        {
            await Task.Delay(left, cancellationToken);
        }
    }
}
