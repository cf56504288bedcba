using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>Checks that a control grid fits a mesh.</summary>
internal static class MeshControls
{
    /// <exception cref="ArgumentOutOfRangeException">
    /// A control names a service or node that the topology lacks.
    /// </exception>
    /// <exception cref="ArgumentException">Two controls set the same thing.</exception>
    public static void Check(ControlGrid grid, Topology topology)
    {
        var seen = new HashSet<(string What, int Service, int Node)>();
        foreach (var control in grid.Controls)
        {
            foreach (var setting in Settings(control.Target))
            {
                if ((uint)setting.Service >= topology.Services.Count || (uint)setting.Node >= topology.Nodes.Count)
                {
                    throw new ArgumentOutOfRangeException(
                        nameof(grid),
                        $"control {control.Name} is for service {setting.Service}, node {setting.Node}; "
                            + $"there are {topology.Services.Count} services and {topology.Nodes.Count} nodes"
                    );
                }
                if (!seen.Add(setting))
                {
                    throw new ArgumentException(
                        $"control {control.Name} sets a {setting.What} that another control sets too",
                        nameof(grid)
                    );
                }
            }
        }
    }

    /// <exception cref="ArgumentOutOfRangeException">The configuration is not on the grid.</exception>
    public static void Check(ControlGrid grid, Configuration configuration)
    {
        if (!grid.Contains(configuration))
        {
            throw new ArgumentOutOfRangeException(
                nameof(configuration),
                $"levels {configuration.Levels} are not on the grid {grid.Controls}"
            );
        }
    }

    private static IEnumerable<(string What, int Service, int Node)> Settings(ControlTarget target) =>
        target switch
        {
            ControlTarget.RoutingWeight weight => [("routing weight", weight.Service, weight.Node)],
            ControlTarget.BlockingRate blocking => [("blocking rate", blocking.Service, 0)],
            ControlTarget.CpuCores cpu => cpu.Nodes.Select(node => ("cores", 0, node)),
            _ => [],
        };
}
