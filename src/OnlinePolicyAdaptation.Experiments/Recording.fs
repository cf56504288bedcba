/// Recording a trace of a scenario's simulated mesh, over its whole control grid.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Recording

open OnlinePolicyAdaptation.Scenarios
open System.Threading
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The measured intervals of a mesh: every load level, within it every configuration, within it `intervals` intervals.
let recordAt
    (levels: EquatableArray<RequestRate>[])
    (scenario: Scenario)
    (simulation: SimulationPart)
    (parameters: MeshParameters)
    intervals
    (key: RandomKey)
    (cancellation: CancellationToken)
    =
    let start =
        StartEnvironment(fun loads configuration key ->
            SimulatedMesh(parameters, loads, scenario.System.Grid, configuration, key, simulation.Recording.Schedule))

    TraceRecorder.RecordAsync(start, scenario.System.Grid, levels, intervals, key, cancellation)

/// The same at the load levels that the scenario records at.
let record scenario (simulation: SimulationPart) =
    recordAt simulation.Recording.LoadLevels scenario simulation

/// Writes them as a CSV file in the testbed's format, with the finer statistics of response times or without.
let write path (scenario: Scenario) (simulation: SimulationPart) statistics rows =
    TestbedTraceWriter.Write(
        path,
        scenario.System.Topology,
        scenario.System.Grid,
        simulation.Recording.LoadUnit,
        rows,
        statistics
    )
