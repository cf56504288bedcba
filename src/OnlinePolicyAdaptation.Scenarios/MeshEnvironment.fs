/// A scenario's simulated mesh, offered the scenario's loads.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.MeshEnvironment

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

let private patterns (offered: OfferedLoad list) (secondsPerCycle: float) (key: RandomKey) =
    let key = key.Split 2

    offered
    |> List.mapi (fun service -> OfferedLoad.patternOf secondsPerCycle (key.Split service))

/// The load of every service of an experiment in seconds, where a cycle has so many.
let loads (scenario: Scenario) (secondsPerCycle: float) (key: RandomKey) =
    patterns scenario.Experiment.OfferedLoads secondsPerCycle key

/// The mesh, which changes before the scenario's cycle of change where it changes at all.
let create (scenario: Scenario) (simulation: SimulationPart) (key: RandomKey) : IEnvironment =
    let schedule = simulation.Recording.Schedule

    let offered =
        simulation.Loads |> Option.defaultValue scenario.Experiment.OfferedLoads

    let patterns = patterns offered schedule.IntervalSeconds key

    let mesh parameters (first: int) (index: int) : IEnvironment =
        let later: LoadPattern seq =
            patterns
            |> Seq.map (fun pattern -> LoadPattern.Later(pattern, float first * schedule.IntervalSeconds))

        SimulatedMesh(
            parameters,
            EquatableArray.ToEquatableArray later,
            scenario.System.Grid,
            scenario.System.Start,
            key.Split index,
            schedule
        )

    match simulation.After with
    | Some after ->
        SystemChange(
            mesh simulation.Before 0 0,
            mesh after scenario.Experiment.ChangeAt 1,
            scenario.Experiment.ChangeAt
        )
    | None -> mesh simulation.Before 0 0
