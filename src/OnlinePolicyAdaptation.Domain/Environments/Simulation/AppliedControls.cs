using OnlinePolicyAdaptation.Domain.Network;

namespace OnlinePolicyAdaptation.Domain.Environments.Simulation;

/// <summary>What a configuration sets in the mesh, ready for use: cores, blocking rates, routing.</summary>
internal sealed class AppliedControls
{
    private readonly double[] _cores;
    private readonly double[] _blockingRates;
    private readonly double[][] _shareEnds;

    public AppliedControls(ControlGrid grid, Configuration configuration, MeshParameters parameters)
    {
        var topology = parameters.Topology;
        _cores = [.. parameters.Nodes.Select(node => node.Cores)];
        _blockingRates = new double[topology.Services.Count];
        for (var i = 0; i < grid.Controls.Count; i++)
        {
            var value = grid.Controls[i].Value(configuration.Levels[i]);
            switch (grid.Controls[i].Target)
            {
                case ControlTarget.CpuCores cpu:
                    foreach (var node in cpu.Nodes)
                    {
                        _cores[node] = value;
                    }
                    break;
                case ControlTarget.BlockingRate blocking:
                    _blockingRates[blocking.Service] = value;
                    break;
            }
        }
        _shareEnds =
        [
            .. Enumerable
                .Range(0, topology.Services.Count)
                .Select(service => ShareEnds(new(grid, service, topology.Nodes.Count), configuration)),
        ];
    }

    public double Cores(int node) => _cores[node];

    public bool Refuses(int service, double draw) => draw < _blockingRates[service];

    /// <summary>The node into whose share a draw from [0, 1) falls.</summary>
    public int Route(int service, double draw)
    {
        var ends = _shareEnds[service];
        var node = 0;
        while (draw >= ends[node])
        {
            node++;
        }
        return node;
    }

    /// <summary>Where each node's share of [0, 1) ends; exactly 1 for the last node that has one.</summary>
    private static double[] ShareEnds(RoutingShares shares, Configuration configuration)
    {
        var ends = new double[shares.Nodes];
        shares.Write(configuration, ends);
        var last = Array.FindLastIndex(ends, share => share > 0);
        for (var node = 1; node < last; node++)
        {
            ends[node] += ends[node - 1];
        }
        ends.AsSpan(last).Fill(1);
        return ends;
    }
}
