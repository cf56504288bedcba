/// A scenario's simulated mesh, offered the scenario's loads.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.MeshEnvironment

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The pattern of each service: at the start, and as its load changes.
let private patterns (scenario: Scenario) (atStart: OfferedLoad list) (secondsPerCycle: float) (key: RandomKey) =
    let key = key.Split 2

    let pattern (service: int) (first: OfferedLoad) : LoadPattern =
        let key = key.Split service

        let changed =
            [
                for change in scenario.Experiment.Changes do
                    change.FromCycle, Map.tryFind service change.Loads |> Option.defaultValue first
            ]

        let loads = (0, first) :: changed
        let different = loads |> List.map snd |> List.distinct

        /// A load that comes again has the chance it had before.
        let patternOf load =
            match List.findIndex ((=) load) different with
            | 0 -> OfferedLoad.patternOf secondsPerCycle key load
            | index -> OfferedLoad.patternOf secondsPerCycle (key.Split index) load

        match different with
        | [ load ] -> patternOf load
        | _ ->
            LoadPattern.Sequence(
                loads |> List.map (snd >> patternOf) |> EquatableArray.ToEquatableArray,
                loads
                |> List.map (fun (cycle, _) -> float cycle * secondsPerCycle)
                |> EquatableArray.ToEquatableArray
            )

    atStart |> List.mapi pattern

/// The child of an environment's key that is its system's of this number; child 2 is that of the loads.
let keyOfSystem system =
    if system < 2 then system else system + 1

/// The load of every service of an experiment in seconds, where a cycle has so many.
let loads (scenario: Scenario) (secondsPerCycle: float) (key: RandomKey) =
    patterns scenario scenario.Experiment.OfferedLoads secondsPerCycle key

/// The mesh, which becomes what the experiment's changes say. Each change starts a new mesh, without requests, so that what was
/// in flight is lost.
let create (scenario: Scenario) (simulation: SimulationPart) (key: RandomKey) : IEnvironment =
    let schedule = simulation.Recording.Schedule

    let offered =
        simulation.Loads |> Option.defaultValue scenario.Experiment.OfferedLoads

    let patterns = patterns scenario offered schedule.IntervalSeconds key

    let mesh parameters (first: int) (index: int) : IEnvironment =
        let later: LoadPattern seq =
            patterns
            |> Seq.map (fun pattern -> LoadPattern.Later(pattern, float first * schedule.IntervalSeconds))

        SimulatedMesh(
            parameters,
            EquatableArray.ToEquatableArray later,
            scenario.System.Grid,
            scenario.System.Start,
            key.Split(keyOfSystem index: int),
            schedule
        )

    SystemSequence(
        (fun () -> mesh simulation.Mesh 0 0),
        [|
            for i, change in List.indexed scenario.Experiment.Changes ->
                LaterSystem(
                    change.FromCycle,
                    (fun () -> mesh (Option.defaultValue simulation.Mesh change.Mesh) change.FromCycle (i + 1))
                )
        |]
    )
