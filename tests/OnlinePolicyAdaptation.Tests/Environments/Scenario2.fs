/// The mesh of scenario 2: one service on two nodes; p11 is the share of node 1, c1 the cores of both nodes.
/// The change makes node 2 slower.
module OnlinePolicyAdaptation.Tests.Environments.Scenario2

open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Tests.Environments.Meshes

let grid =
    ControlGrid(
        array
            [
                Control("p11", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 6)
                Control("c1", ControlTarget.CpuCores(array [ 0; 1 ]), 1.0, 5.0, 5)
            ]
    )

let private node speed speedByCores =
    NodeParameters(
        Speed = speed,
        SpeedByCores = array speedByCores,
        LatencySeconds = 0.005,
        JitterSeconds = 0.0005,
        Capacity = 10
    )

let private mesh speedOfNode2 =
    parameters
        [ ServiceTime.Lognormal(0.065, 0.05) ]
        [
            node 0.74 [ 0.95; 1.0; 0.72; 1.0; 1.0 ]
            node speedOfNode2 [ 1.0; 0.9; 0.5; 0.7; 0.9 ]
        ]

let beforeChange = mesh 1.0
let afterChange = mesh 0.25
let schedule = MonitoringSchedule(SettlingSeconds = 30.0)
