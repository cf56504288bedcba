/// A scenario's simulated mesh, offered the scenario's loads.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.MeshEnvironment

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The load of every service in seconds, where a cycle has so many.
let loads (scenario: Scenario) (secondsPerCycle: float) (key: RandomKey) =
    let key = key.Split 2

    scenario.OfferedLoads
    |> List.mapi (fun service -> OfferedLoad.patternOf secondsPerCycle (key.Split service))

/// The mesh, which changes before the scenario's cycle of change where it changes at all.
let create (scenario: Scenario) (simulation: Simulation) (key: RandomKey) : IEnvironment =
    let schedule = simulation.Recording.Schedule
    let patterns = loads scenario schedule.IntervalSeconds key

    let mesh parameters (first: int) (index: int) : IEnvironment =
        let later: LoadPattern seq =
            patterns
            |> Seq.map (fun pattern -> LoadPattern.Later(pattern, float first * schedule.IntervalSeconds))

        SimulatedMesh(
            parameters,
            EquatableArray.ToEquatableArray later,
            scenario.Grid,
            scenario.Start,
            key.Split index,
            schedule
        )

    match simulation.After with
    | Some after -> SystemChange(mesh simulation.Before 0 0, mesh after scenario.ChangeAt 1, scenario.ChangeAt)
    | None -> mesh simulation.Before 0 0
