namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System
open System.Collections.Concurrent
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.ControlCycle

/// One cycle of one run.
type Observation =
    {
        Contender: Contender
        Seed: int
        Phase: Phase
        /// The rates of the services' arrivals; on recorded traces the load level that they were recorded at.
        Loads: EquatableArray<RequestRate>
        Timed: ControlLoop.TimedRecord
    }

/// An experiment's traces, read and checked.
type Traces =
    {
        Before: TestbedTrace
        After: TestbedTrace
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

    /// All chance of a seed comes from it.
    let private seedKey (seed: int) = RandomKey(uint64 seed)

    /// The independent sources of chance of one seed.
    let private environmentKey (key: RandomKey) = key.Split 0
    let private controllerKey (key: RandomKey) = key.Split 1
    let private oldSystemKey (key: RandomKey) = key.Split 2
    let private newSystemKey (key: RandomKey) = key.Split 3

    /// The traces of a scenario's system; the same one twice where it does not change. An error where there is none, or where
    /// the system is too large to be planned on.
    let readTraces (scenario: Scenario) =
        let read = RecordedLoads.read scenario

        match ProblemSize.check scenario.System.Grid, scenario.Experiment.TraceBefore with
        | Error message, _ -> Error message
        | _, None -> Error $"scenario {scenario.Name} has no field experiment.traces: there is no recording to run on; expected one, such as `opar record` makes of a simulation"
        | _, Some before ->
            let before = read before

            let traces =
                {
                    Before = before
                    After = scenario.Experiment.TraceAfter |> Option.map read |> Option.defaultValue before
                }

            RecordedLoads.check scenario [ traces.Before; traces.After ]
            |> Result.map (fun () -> traces)

    let private settings (scenario: Scenario) planner basePolicy =
        {
            Grid = scenario.System.Grid
            Reward = scenario.Goal.Reward
            Discount = scenario.Goal.Discount
            BasePolicy = basePolicy
            Planner = planner
            Estimation = scenario.Controller.Estimation
            Guard = Guard.permissive scenario.System.Grid
            Admission = Admission.unbounded
            Mode = Mode.Act
            Clock = Clock.Lockstep
        }

    /// Where no schedule is known; what a load pattern does in a cycle does not depend on it.
    let private usualSchedule = MonitoringSchedule()

    /// The loads of every cycle, as patterns in seconds and by number, and the system that they are offered to.
    let private environment (scenario: Scenario) traces (key: RandomKey) : struct (_ * IEnvironment) =
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
            let levelsOf trace =
                let levels = RecordedLoads.levels trace
                rates >> RecordedLoads.nearest levels

            let before, after = levelsOf traces.Before, levelsOf traces.After

            let replay trace level (first: int) (index: int) : IEnvironment =
                TraceEnvironment(
                    trace,
                    scenario.System.Grid,
                    scenario.System.Start,
                    (fun interval -> level (int64 first + interval)),
                    key.Split index
                )

            let loads cycle =
                if cycle < int64 scenario.Experiment.ChangeAt then
                    before cycle
                else
                    after cycle

            struct (loads,
                    SystemChange(
                        replay traces.Before before 0 0,
                        replay traces.After after scenario.Experiment.ChangeAt 1,
                        scenario.Experiment.ChangeAt
                    ))
        | ManagedSystem.Mesh simulation -> struct (rates, MeshEnvironment.create scenario simulation key)

    /// The base policies of an experiment, the scenario's first, each under its kind, numbered where a kind comes again.
    let basePolicies (scenario: Scenario) =
        let policies =
            scenario.Controller.BasePolicy :: scenario.Experiment.AlsoBasePolicies
            |> List.distinct

        policies
        |> List.mapi (fun i policy ->
            let kind = BasePolicySpecification.kind policy

            match
                policies
                |> List.take i
                |> List.filter (fun p -> BasePolicySpecification.kind p = kind)
            with
            | [] -> kind, policy
            | same -> $"{kind}-{same.Length + 1}", policy)

    /// Whether an experiment compares base policies.
    let comparesBasePolicies scenario = (basePolicies scenario).Length > 1

    /// Why a base policy cannot be improved one control after another, if so.
    let private jointOnly (scenario: Scenario) policy =
        if scenario.System.Grid.Controls.Count = 1 then
            Some "with one control it is the same as choosing all controls together"
        elif BasePolicySpecification.draws policy then
            Some "it draws its actions, and the controls still to be chosen need one action to stand for them"
        else
            None

    /// Base policies of a comparison that are not improved one control after another, by their name, and why.
    let withoutMultiagent (scenario: Scenario) =
        [
            if comparesBasePolicies scenario then
                for name, policy in basePolicies scenario do
                    match jointOnly scenario policy with
                    | Some reason -> name, reason
                    | None -> ()
        ]

    /// What a scenario compares, in the order of reports.
    let contenders (scenario: Scenario) retrains =
        let horizons = scenario.Experiment.Horizons |> List.distinct

        [
            Contender.Base
            yield! horizons |> List.map Contender.Rollout
            if
                comparesBasePolicies scenario
                && (jointOnly scenario scenario.Controller.BasePolicy).IsNone
            then
                yield! horizons |> List.map Contender.Multiagent
            if not horizons.IsEmpty then
                for forgetting in scenario.Experiment.AlsoForgetting |> List.distinct do
                    if forgetting <> scenario.Controller.Estimation.Forgetting then
                        Contender.RolloutForgetting(List.max horizons, forgetting)
            for name, policy in basePolicies scenario |> List.tail do
                Contender.Further(name, BasePolicyUse.Unchanged)

                for horizon in horizons do
                    Contender.Further(name, BasePolicyUse.Rollout horizon)

                if (jointOnly scenario policy).IsNone then
                    for horizon in horizons do
                        Contender.Further(name, BasePolicyUse.Multiagent horizon)
            if retrains then
                Contender.Retrained false
                Contender.Retrained true
            Contender.Optimum
        ]

    /// The base policy that a contender uses or improves, and its name; none of those that come from the system alone.
    let basePolicyOf (scenario: Scenario) contender =
        match contender with
        | Contender.Retrained _
        | Contender.Optimum -> None
        | Contender.Further(name, _) -> basePolicies scenario |> List.tryFind (fun (other, _) -> other = name)
        | Contender.Base
        | Contender.Rollout _
        | Contender.Multiagent _
        | Contender.RolloutForgetting _ -> basePolicies scenario |> List.tryHead

    /// What the contenders of one seed have in common, each made when the first of them needs it.
    type private Shared =
        {
            /// The optimum of the system before the change, and of the one after.
            OptimumBefore: Lazy<IPolicy<SystemState, ControlAction>>
            OptimumAfter: Lazy<IPolicy<SystemState, ControlAction>>
            /// The base policies by their name.
            Given: Map<string, Lazy<IPolicy<SystemState, ControlAction>>>
            /// The estimates that controllers start with, by the way of forgetting.
            Starts: Map<Forgetting, Lazy<EstimateState>>
        }

    let private ok result =
        result |> Result.defaultWith (fun message -> raise (BadInputException message))

    let private forgettingOf (scenario: Scenario) contender =
        match contender with
        | Contender.RolloutForgetting(_, forgetting) -> forgetting
        | _ -> scenario.Controller.Estimation.Forgetting

    let private shared (scenario: Scenario) traces contenders (key: RandomKey) =
        let systemBefore =
            lazy ok (RecordedSystem.responseTimes scenario traces.Before (oldSystemKey key))

        let systemAfter =
            lazy ok (RecordedSystem.responseTimes scenario traces.After (newSystemKey key))

        let optimum (responseTimes: Lazy<IResponseTimeModel>) =
            OptimalPolicy.create scenario.System.Grid scenario.Goal.Reward scenario.Goal.Discount responseTimes.Value

        /// Where a base policy is made from a system, it is the one before the change.
        let given policy =
            let created =
                BasePolicySpecification.create
                    scenario.System.Grid
                    scenario.System.Topology
                    scenario.Goal.Reward
                    scenario.Goal.Discount
                    policy
                    (fun () -> Ok systemBefore.Value)
                |> ok

            if BasePolicySpecification.draws policy then
                created
            else
                PolicyTables.ofPolicy scenario.System.Grid created

        let start forgetting =
            Estimate.start
                (settings (Scenario.forgetting forgetting scenario) Planner.BasePolicy (StaticPolicy()))
                (RecordedSystem.samples traces.Before)
                (controllerKey key)

        {
            OptimumBefore = lazy optimum systemBefore
            OptimumAfter = lazy optimum systemAfter
            Given = Map.ofList [ for name, policy in basePolicies scenario -> name, lazy given policy ]
            Starts =
                Map.ofList
                    [
                        for forgetting in contenders |> List.map (forgettingOf scenario) |> List.distinct ->
                            forgetting, lazy start forgetting
                    ]
        }

    /// Makes all of it now.
    let private complete shared =
        for policy in shared.OptimumBefore :: shared.OptimumAfter :: List.ofSeq shared.Given.Values do
            policy.Force() |> ignore

    /// The cycles of a contender: before the system changes, and from then on.
    let private cycles (scenario: Scenario) (shared: Shared) contender (retrained: IPolicy<_, _> voption) key =
        let scenario = Scenario.forgetting (forgettingOf scenario contender) scenario

        let name =
            basePolicyOf scenario contender
            |> Option.defaultWith (fun () -> (basePolicies scenario).Head)
            |> fst

        let given = shared.Given[name].Value

        let before, after =
            match contender with
            | Contender.Base
            | Contender.Rollout _
            | Contender.Multiagent _
            | Contender.RolloutForgetting _
            | Contender.Further _ -> given, given
            | Contender.Retrained _ -> given, ValueOption.defaultValue given retrained
            | Contender.Optimum -> shared.OptimumBefore.Value, shared.OptimumAfter.Value

        let cycle basePolicy =
            Cycle.compose
                (settings scenario contender.Planner basePolicy)
                shared.Starts[scenario.Controller.Estimation.Forgetting].Value
                (controllerKey key)

        struct (cycle before, cycle after)

    let private runOne
        engine
        (scenario: Scenario)
        traces
        shared
        contender
        retrained
        seed
        onCycle
        (cancellation: CancellationToken)
        =
        task {
            let key = seedKey seed
            let struct (before, after) = cycles scenario shared contender retrained key
            let struct (loads, system) = environment scenario traces (environmentKey key)
            let observations = ResizeArray<Observation> scenario.Experiment.Cycles

            let sink (timed: ControlLoop.TimedRecord) =
                observations.Add
                    {
                        Contender = contender
                        Seed = seed
                        Phase = Scenario.phaseOf scenario timed.Record.Cycle
                        Loads = loads (int64 timed.Record.Cycle)
                        Timed = timed
                    }

                onCycle ()

            let run cycle state count =
                ControlLoop.closedLoop engine cycle state system count sink cancellation

            let untilChange = min scenario.Experiment.ChangeAt scenario.Experiment.Cycles
            let! changed = run before (Cycle.start before) untilChange
            let! _ = run after changed (scenario.Experiment.Cycles - untilChange)
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

    /// Runs on `threads` threads; the result does not depend on their number. `onCycle` is called after each cycle of
    /// each run, from any thread. Retrained policies, where there are any, are compared as well.
    let run
        scenario
        traces
        (trained: RetrainedPolicies)
        threads
        (onCycle: unit -> unit)
        (cancellation: CancellationToken)
        =
        task {
            let began = TimeProvider.System.GetTimestamp()
            let contenders = contenders scenario (not trained.IsEmpty)

            let retrained contender seed =
                match trained.TryFind contender with
                | Some policies -> ValueSome policies[seed - 1].Policy
                | None -> ValueNone

            use engine = ControlLoop.startEngine ()

            let sharedBy =
                Array.init scenario.Experiment.Seeds (fun i -> seedKey (i + 1) |> shared scenario traces contenders)

            // What is wrong with a trace or a base policy is told before the first cycle.
            sharedBy |> Array.head |> complete

            let runs =
                [|
                    for contender in contenders do
                        for seed in 1 .. scenario.Experiment.Seeds -> struct (contender, seed)
                |]

            let observations = ConcurrentDictionary<struct (Contender * int), Observation[]>()

            do!
                Parallel.ForEachAsync(
                    runs,
                    ParallelOptions(MaxDegreeOfParallelism = threads, CancellationToken = cancellation),
                    fun (struct (contender, seed) as run) token ->
                        task {
                            let! result =
                                runOne
                                    engine
                                    scenario
                                    traces
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
                    Traces = traces
                    Contenders = contenders
                    Observations = runs |> Array.collect (fun run -> observations[run])
                    Trainings = trained |> Map.map (fun _ policies -> policies |> Array.map _.Training)
                    Elapsed = TimeProvider.System.GetElapsedTime began
                }
        }
