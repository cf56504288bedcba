namespace OnlinePolicyAdaptation.Service

open OnlinePolicyAdaptation.Domain.Network

/// Controls and services by name, in the order of configurations and metrics.
type SystemDescription =
    {
        Grid: ControlGrid
        Topology: Topology
    }
