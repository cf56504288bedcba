using OnlinePolicyAdaptation.Domain.Environments;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Domain.Network;

var p11 = new Control("p11", new ControlTarget.RoutingWeight(Service: 0, Node: 0), lowest: 0, highest: 1, levels: 6);
var c1 = new Control("c1", new ControlTarget.CpuCores([0, 1]), lowest: 1, highest: 5, levels: 5);
var grid = new ControlGrid([p11, c1]);
var trace = TestbedTrace.Read("before.csv", grid, TraceColumns.Testbed(grid, services: 1, loadLevelUnit: "5 req/s"));
var system = new TraceEnvironment(trace, grid, new([5, 4]), _ => [new RequestRate(5)], new RandomKey(1));
for (var cycle = 0; cycle < 5; cycle++)
{
    var (_, now, services) = await system.ObserveAsync(default);
    Console.WriteLine($"{grid.Describe(now)}: {services[0].MeanResponseTime?.Seconds:F3} s");
    var action = new FewerCores().Act(new(now, [services[0].OfferedLoad]), grid.Mask(now), new RandomKey(2));
    await system.ApplyAsync(grid.Move(now, action), default);
}

sealed class FewerCores : IPolicy<SystemState, ControlAction>
{
    public ControlAction Act(SystemState state, ActionMask mask, RandomKey key) =>
        new ControlAction([0, state.Configuration.Levels[1] > 1 ? -1 : 0]).Within(mask);
}
