namespace OnlinePolicyAdaptation.Service

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What was measured over one monitoring interval.
type Interval =
    {
        /// When it ended, which identifies it; its ticks are those of UTC.
        Time: DateTimeOffset
        /// The configuration in force.
        Configuration: Configuration
        /// One entry per service, in the topology's order.
        Services: EquatableArray<ServiceMetrics>
    }

/// Controls and services by name, in the order of configurations and metrics.
type Vocabulary =
    {
        Grid: ControlGrid
        Topology: Topology
    }
