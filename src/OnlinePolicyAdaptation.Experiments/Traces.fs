namespace OnlinePolicyAdaptation.Experiments

open System.Threading
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Scenarios

/// What an experiment's systems have recorded, read and checked.
type Traces =
    {
        /// What controllers know when they start: the recording of the system before any change.
        Before: TestbedTrace
        /// What the systems are measured by: the one before any change, then those of the experiment's changes. Recorded
        /// systems are their traces; of a simulated mesh it is recorded for the purpose, all that it can be told from.
        Systems: TestbedTrace[]
    }

    /// Of the last system.
    member this.After = Array.last this.Systems

/// The systems of an experiment.
[<RequireQualifiedAccess>]
module Traces =

    /// The chance of recordings that are made for an experiment; apart from that of its seeds, which are small.
    let private referenceKey = RandomKey(uint64 System.Int64.MaxValue)

    /// A recording that is made for an experiment, of a system under some loads.
    let private simulated name levels (scenario: Scenario) simulation mesh intervals key =
        (Recording.recordAt levels scenario simulation mesh intervals key CancellationToken.None)
            .GetAwaiter()
            .GetResult()
        |> fun rows -> TestbedTrace.Of(name, rows)

    /// Each of the meshes under its loads, the same ones once.
    let private references (scenario: Scenario) (simulation: SimulationPart) =
        let levels = Scenario.loadLevels scenario |> Array.ofList

        let meshes =
            [|
                simulation.Mesh
                for change in scenario.Experiment.Changes do
                    Option.defaultValue simulation.Mesh change.Mesh
            |]

        let recorded =
            meshes
            |> Array.distinct
            |> Array.Parallel.map (fun mesh ->
                mesh,
                simulated
                    "the simulated mesh"
                    levels
                    scenario
                    simulation
                    mesh
                    scenario.Experiment.ReferenceIntervals
                    referenceKey)
            |> readOnlyDict

        meshes |> Array.map (fun mesh -> recorded[mesh])

    /// The traces of a recorded system, one after another.
    let private recorded (scenario: Scenario) (before: TestbedTrace) =
        [|
            before
            for change in scenario.Experiment.Changes do
                match change.Trace with
                | Some trace -> RecordedLoads.read scenario trace
                | None -> before
        |]

    let private before (scenario: Scenario) =
        match scenario.Experiment.TraceBefore, scenario.Experiment.Environment with
        | Some path, _ -> Ok(RecordedLoads.read scenario path)
        | None, ManagedSystem.Mesh simulation ->
            let recording = simulation.Recording

            Ok(
                simulated
                    "the simulated mesh"
                    recording.LoadLevels
                    scenario
                    simulation
                    simulation.Mesh
                    recording.Intervals
                    (RandomKey(uint64 recording.Seed))
            )
        | None, ManagedSystem.Traces ->
            Error
                $"scenario {scenario.Name} has no field experiment.traces: there is no recording to run on; expected one, such as `opar record` makes of a simulation"

    /// An error where a recording cannot answer for every configuration.
    let private checkRows (scenario: Scenario) (systems: TestbedTrace[]) =
        let expected = scenario.System.Grid.ConfigurationCount

        match systems |> Array.tryFind (fun trace -> trace.Rows.Count < expected) with
        | Some trace ->
            Error $"{trace.Path}: {trace.Rows.Count} rows; expected at least {expected}, one of every configuration"
        | None -> Ok()

    /// The traces of a scenario's systems, or recordings made of its simulated mesh. An error where there is neither, or where
    /// the system is too large to be planned on.
    let read (scenario: Scenario) =
        ProblemSize.check scenario.System.Grid
        |> Result.bind (fun _ -> before scenario)
        |> Result.bind (fun before ->
            match scenario.Experiment.Environment with
            | ManagedSystem.Mesh simulation ->
                Ok
                    {
                        Before = before
                        Systems = references scenario simulation
                    }
            | ManagedSystem.Traces ->
                let systems = recorded scenario before

                checkRows scenario systems
                |> Result.bind (fun () -> RecordedLoads.check scenario (List.ofArray systems))
                |> Result.map (fun () -> { Before = before; Systems = systems }))

    /// Where no schedule is known; what a load pattern does in a cycle does not depend on it.
    let private usualSchedule = MonitoringSchedule()

    /// The loads of every cycle, as patterns in seconds and by number, and the system that they are offered to.
    let environment (scenario: Scenario) (traces: Traces) (key: RandomKey) : struct (_ * IEnvironment) =
        let schedule =
            match scenario.Experiment.Environment with
            | ManagedSystem.Traces -> usualSchedule
            | ManagedSystem.Mesh simulation -> simulation.Recording.Schedule

        let seconds = schedule.IntervalSeconds
        let patterns = MeshEnvironment.loads scenario seconds key

        /// In the middle of the interval of a cycle.
        let rates (cycle: int64) =
            patterns
            |> Seq.map _.RateAt((float cycle + 0.5) * seconds)
            |> EquatableArray.ToEquatableArray

        match scenario.Experiment.Environment with
        | ManagedSystem.Traces ->
            let levels =
                traces.Systems
                |> Array.map (fun trace ->
                    let levels = RecordedLoads.levels trace
                    rates >> RecordedLoads.nearest levels)

            /// One that does not change draws as one that has changed.
            let keyOf system =
                MeshEnvironment.keyOfSystem (if levels.Length = 1 then 1 else system)

            let replay system (first: int) : IEnvironment =
                TraceEnvironment(
                    traces.Systems[system],
                    scenario.System.Grid,
                    scenario.System.Start,
                    (fun interval -> levels[system](int64 first + interval)),
                    key.Split(keyOf system: int)
                )

            struct ((fun cycle -> levels[Scenario.systemOf scenario (int cycle)] cycle),
                    SystemSequence(
                        (fun () -> replay 0 0),
                        [|
                            for i, change in List.indexed scenario.Experiment.Changes ->
                                LaterSystem(change.FromCycle, (fun () -> replay (i + 1) change.FromCycle))
                        |]
                    ))
        | ManagedSystem.Mesh simulation -> struct (rates, MeshEnvironment.create scenario simulation key)
