namespace OnlinePolicyAdaptation.Experiments

open System
open System.Collections.Concurrent
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Scenarios

/// One cycle of one run.
type Observation =
    {
        Contender: Contender
        Seed: int
        Phase: Phase
        /// The number of the system in force: 0 before any change (`Scenario.systemOf`).
        System: int
        /// The rates of the services' arrivals; on recorded traces the load level that they were recorded at.
        Loads: EquatableArray<RequestRate>
        Timed: TimedRecord
    }

/// The system that the run of a seed meets.
type Encounter =
    {
        /// The rates of the services' arrivals in a cycle; on recorded traces the load level.
        Loads: int64 -> EquatableArray<RequestRate>
        System: IEnvironment
        /// Disposed of once the run is over.
        End: IAsyncDisposable
    }

/// Where an experiment takes place.
type Venue =
    {
        /// The word in results: "traces", "simulation" or "testbed".
        Name: string
        /// The system of a seed. Contenders of a seed meet the same chance, as far as there is chance to be had.
        Meet: int -> CancellationToken -> Task<Encounter>
        /// Runs at once; where the results do not depend on it.
        Threads: int
    }

/// A policy trained for the system after the change, and how long that took.
type RetrainedPolicy =
    {
        Policy: IPolicy<SystemState, ControlAction>
        Training: TimeSpan
    }

/// Trains a policy for the system after the change: anew or warm, with a seed. The traces are the experiment's.
type Retrainer = Scenario -> Traces -> bool -> int -> RetrainedPolicy

/// The policies of the contenders that were retrained, one per seed.
type RetrainedPolicies = Map<Contender, RetrainedPolicy[]>

type ExperimentResult =
    {
        Scenario: Scenario
        /// Where it took place: "traces", "simulation" or "testbed".
        Venue: string
        Traces: Traces
        Contenders: Contender list
        /// By contender, seed and cycle, in this order.
        Observations: Observation[]
        /// How long every seed of a retrained contender was trained.
        Trainings: Map<Contender, TimeSpan[]>
        Elapsed: TimeSpan
    }

/// Every contender with every seed, in closed loop with the recorded system. Contenders meet the same chance: in cycle k
/// of seed i the environment draws with the same key for all of them.
[<RequireQualifiedAccess>]
module Experiment =

    let private runOne
        engine
        (scenario: Scenario)
        traces
        (encounter: Encounter)
        shared
        contender
        retrained
        seed
        onCycle
        (cancellation: CancellationToken)
        =
        task {
            let observations = ResizeArray<Observation> scenario.Experiment.Cycles

            let sink (timed: TimedRecord) =
                observations.Add
                    {
                        Contender = contender
                        Seed = seed
                        Phase = Scenario.phaseOf scenario timed.Record.Cycle
                        System = Scenario.systemOf scenario timed.Record.Cycle
                        Loads = encounter.Loads(int64 timed.Record.Cycle)
                        Timed = timed
                    }

                onCycle ()

            match contender with
            | Contender.Baseline baseline ->
                do!
                    BaselineLoop.run
                        scenario
                        traces
                        baseline
                        (SeedControllers.baselineKey seed)
                        encounter.System
                        sink
                        cancellation
            | _ ->
                let controllers = SeedControllers.cycles scenario shared contender retrained seed
                let mutable state = Cycle.start (snd controllers.Head)

                for i, (first, cycle) in List.indexed controllers do
                    let until =
                        match List.tryItem (i + 1) controllers with
                        | Some(next, _) -> min next scenario.Experiment.Cycles
                        | None -> scenario.Experiment.Cycles

                    let! reached =
                        ClosedLoop.run engine cycle state encounter.System (max 0 (until - first)) sink cancellation

                    state <- reached

            return observations.ToArray()
        }

    /// Trains for every seed the policies of the contenders that retrain, so many at a time. Their times are those of one
    /// where each thread has a core.
    let retrain (scenario: Scenario) traces threads (train: Retrainer) (cancellation: CancellationToken) =
        let trainings =
            [|
                for warm in [ false; true ] do
                    for seed in 1 .. scenario.Experiment.Seeds -> struct (warm, seed)
            |]

        let trained = ConcurrentDictionary<struct (bool * int), RetrainedPolicy>()

        Parallel.ForEach(
            trainings,
            ParallelOptions(MaxDegreeOfParallelism = threads, CancellationToken = cancellation),
            fun (struct (warm, seed) as training) -> trained[training] <- train scenario traces warm seed
        )
        |> ignore

        Map.ofList
            [
                for warm in [ false; true ] ->
                    Contender.Retrained warm,
                    [| for seed in 1 .. scenario.Experiment.Seeds -> trained[struct (warm, seed)] |]
            ]
        : RetrainedPolicies

    let private nothingToEnd =
        { new IAsyncDisposable with
            member _.DisposeAsync() = ValueTask()
        }

    /// The scenario's own system: its traces or its simulated mesh.
    let private own (scenario: Scenario) traces threads =
        {
            Name =
                match scenario.Experiment.Environment with
                | ManagedSystem.Traces -> "traces"
                | ManagedSystem.Mesh _ -> "simulation"
            Threads = threads
            Meet =
                fun seed _ ->
                    let struct (loads, system) =
                        Traces.environment scenario traces (SeedControllers.environmentKey seed)

                    Task.FromResult
                        {
                            Loads = loads
                            System = system
                            End = nothingToEnd
                        }
        }

    /// Runs contenders at a venue, by `order` of contender and seed. `onCycle` is called after each cycle of each run, from any
    /// thread.
    let runAt
        (venue: Venue)
        scenario
        traces
        (trained: RetrainedPolicies)
        contenders
        (order: struct (Contender * int)[] -> struct (Contender * int)[])
        (onCycle: unit -> unit)
        (cancellation: CancellationToken)
        =
        task {
            let began = TimeProvider.System.GetTimestamp()

            let retrained contender seed =
                match trained.TryFind contender with
                | Some policies -> ValueSome policies[seed - 1].Policy
                | None -> ValueNone

            use engine = Engine.start ()

            let sharedBy =
                Array.init scenario.Experiment.Seeds (fun i ->
                    SeedControllers.create scenario traces contenders (i + 1))

            // What is wrong with a trace or a base policy is told before the first cycle.
            sharedBy |> Array.head |> SeedControllers.complete

            let runs =
                [|
                    for contender in contenders do
                        for seed in 1 .. scenario.Experiment.Seeds -> struct (contender, seed)
                |]

            let observations = ConcurrentDictionary<struct (Contender * int), Observation[]>()

            do!
                Parallel.ForEachAsync(
                    order runs,
                    ParallelOptions(MaxDegreeOfParallelism = venue.Threads, CancellationToken = cancellation),
                    fun (struct (contender, seed) as run) token ->
                        task {
                            let! encounter = venue.Meet seed token

                            use _ = encounter.End

                            let! result =
                                runOne
                                    engine
                                    scenario
                                    traces
                                    encounter
                                    sharedBy[seed - 1]
                                    contender
                                    (retrained contender seed)
                                    seed
                                    onCycle
                                    token

                            observations[run] <- result
                        }
                        |> ValueTask
                )

            return
                {
                    Scenario = scenario
                    Venue = venue.Name
                    Traces = traces
                    Contenders = contenders
                    Observations = runs |> Array.collect (fun run -> observations[run])
                    Trainings = trained |> Map.map (fun _ policies -> policies |> Array.map _.Training)
                    Elapsed = TimeProvider.System.GetElapsedTime began
                }
        }

    /// Runs all contenders of a scenario on its own system, on `threads` threads; the result does not depend on their number.
    /// `onCycle` is called after each cycle of each run, from any thread. Retrained policies, where there are any, are compared
    /// as well.
    let run scenario traces (trained: RetrainedPolicies) threads onCycle cancellation =
        runAt
            (own scenario traces threads)
            scenario
            traces
            trained
            (Contenders.ofScenario scenario (not trained.IsEmpty))
            id
            onCycle
            cancellation
