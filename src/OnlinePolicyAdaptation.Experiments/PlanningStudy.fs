namespace OnlinePolicyAdaptation.Experiments

open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Scenarios
open System
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// A base policy of a study, by its name in charts.
type StudiedBase = { Name: string; Policy: PlannedBase }

/// The exact discounted value of a policy.
type PolicyValue =
    {
        AtStart: float
        /// Over all states.
        Mean: float
    }

/// The value of a base policy.
type BaseValue = { Name: string; Value: PolicyValue }

/// A rollout policy, its value, and what it takes to decide.
type RolloutValue =
    {
        Base: string
        Scheme: RolloutScheme
        Horizon: int
        Value: PolicyValue
        /// Median over states of the computing time of a decision, the base policy's value being known.
        SecondsPerDecision: float
    }

    /// Its name in tables and charts.
    member this.Name = $"{this.Base}, {this.Scheme.Name} rollout, l = {this.Horizon}"

/// Rollout of a base policy as a Newton step at the start state, as it is drawn (`NewtonStep`).
type NewtonPicture =
    {
        Base: string
        /// J_mu, J_pi and J* at the start state.
        BaseValue: float
        RolloutValue: float
        OptimalValue: float
        RolloutOperator: StraightLine
        BaseOperator: StraightLine
        /// Values J of the start state, ascending, and T J for each.
        Values: float[]
        BackedUp: float[]
    }

/// What a policy earns from the start state.
type Episode =
    {
        Name: string
        /// One per cycle.
        Rewards: float[]
    }

/// Base policies, the rollout policies made of them, and the optimum, on one decision problem.
type PlanningStudy =
    {
        /// Where the response times come from, in words.
        ResponseTimes: string
        States: int
        /// States in which a service misses its objective.
        StatesMissing: int
        Actions: int
        Controls: int
        /// States in which the time of a decision was measured.
        TimedStates: int
        Start: string
        Horizons: int list
        Optimum: PolicyValue
        Bases: BaseValue list
        Rollouts: RolloutValue list
        NewtonSteps: NewtonPicture list
        /// Of the optimum, the base policies that have one action in each state, and all rollout policies.
        Episodes: Episode list
        ElapsedSeconds: float
    }

[<RequireQualifiedAccess>]
module PlanningStudy =

    /// Points of the operator T in the pictures of Newton steps.
    let private newtonPoints = 61

    /// Median over some states, evenly spread, of the seconds that `decide` takes.
    let private secondsPerDecision (settings: StudySettings) stateCount (decide: int -> unit) =
        let clock = TimeProvider.System
        let stride = max 1 (stateCount / settings.TimedStates)

        let time state =
            decide state
            let began = clock.GetTimestamp()
            let mutable repeats = 0

            while clock.GetElapsedTime(began).TotalSeconds < settings.TimedSeconds do
                decide state
                repeats <- repeats + 1

            clock.GetElapsedTime(began).TotalSeconds / float (max 1 repeats)

        [| 0..stride .. stateCount - 1 |] |> Array.map time |> Statistics.Median

    /// A base policy with its exact value in every state, and its actions where it has one in each state.
    type private Evaluated =
        {
            Name: string
            Values: float[]
            /// At the leaves of rollout.
            Extended: ExtendedValues
            Actions: FinitePolicy option
        }

    let private evaluated problem (studied: StudiedBase) =
        Plan.baseValues problem studied.Policy
        |> Result.map (fun evaluated ->
            {
                Name = studied.Name
                Values = evaluated.Values
                Extended =
                    {
                        Highs = evaluated.Values
                        Lows = evaluated.Remainders
                    }
                Actions = Plan.basePolicy problem studied.Policy |> Result.toOption
            })

    let private startOf (problem: PlanningProblem) =
        problem.Scenario.System.Grid.IndexOf problem.Scenario.System.Start

    let private value problem (values: float[]) =
        {
            AtStart = values[startOf problem]
            Mean = Array.average values
        }

    /// A rollout policy by its decisions, with its value.
    let private rollout (problem: PlanningProblem) settings name scheme horizon policy decide =
        let model = problem.Model

        struct ({
                    Base = name
                    Scheme = scheme
                    Horizon = horizon
                    Value = value problem (PolicyEvaluation.exact model problem.Scenario.Goal.Discount policy)
                    SecondsPerDecision = secondsPerDecision settings model.StateCount decide
                },
                policy)

    let private joint (problem: PlanningProblem) settings (basePolicy: Evaluated) horizon =
        let model = problem.Model
        let discount = problem.Scenario.Goal.Discount
        let leaves = RelativeValues.within model horizon basePolicy.Extended

        rollout
            problem
            settings
            basePolicy.Name
            RolloutScheme.Joint
            horizon
            (Lookahead.policyRelative model discount horizon leaves)
            (fun state ->
                Lookahead.decideRelative model discount horizon (leaves.From state) ValueNone state
                |> ignore)

    let private multiagent (problem: PlanningProblem) settings (basePolicy: Evaluated) actions horizon =
        let model = problem.Model
        let discount = problem.Scenario.Goal.Discount
        let leaves = RelativeValues.within model horizon basePolicy.Extended
        let components = ActionComponents.ofGrid problem.Scenario.System.Grid
        let order = ActionComponents.naturalOrder components

        rollout
            problem
            settings
            basePolicy.Name
            RolloutScheme.Multiagent
            horizon
            (MultiagentRollout.policyRelative model discount components order horizon actions leaves)
            (fun state ->
                MultiagentRollout.decide
                    model
                    discount
                    components
                    order
                    horizon
                    actions
                    (leaves.From state).Distances
                    state
                |> ignore)

    let private rollouts problem (settings: StudySettings) (bases: Evaluated list) =
        [
            for basePolicy in bases do
                for horizon in settings.Horizons do
                    joint problem settings basePolicy horizon
            for basePolicy in bases do
                match basePolicy.Actions with
                | Some actions ->
                    for horizon in settings.Horizons do
                        multiagent problem settings basePolicy actions horizon
                | None -> ()
        ]

    let private newtonPicture (problem: PlanningProblem) (optimum: float[]) name policy =
        let step =
            NewtonStep.at problem.Model problem.Scenario.Goal.Discount optimum newtonPoints policy (startOf problem)

        {
            Base = name
            BaseValue = step.Base
            RolloutValue = step.Rollout
            OptimalValue = step.Optimal
            RolloutOperator = step.RolloutOperator
            BaseOperator = step.BaseOperator
            Values = step.Operator |> Array.map (fun (struct (value, _)) -> value)
            BackedUp = step.Operator |> Array.map (fun (struct (_, backedUp)) -> backedUp)
        }

    let private episode (problem: PlanningProblem) name policy =
        {
            Name = name
            Rewards =
                PolicyEvaluation.path problem.Model policy problem.Scenario.Experiment.Cycles (startOf problem)
                |> snd
        }

    let private missing (problem: PlanningProblem) state =
        problem.ResponseTimes[state].ToArray()
        |> Seq.indexed
        |> Seq.exists (fun (service, seconds) -> problem.Scenario.Goal.Reward.Excess(service, seconds) > 0.0)

    let private responseTimes (problem: PlanningProblem) =
        match problem.Source with
        | ResponseTimeSource.Table path -> $"delay table {path}"
        | ResponseTimeSource.Trace path ->
            $"random forest of {problem.Scenario.Controller.Estimation.Forest.Trees} trees fitted to {path}"

    let private study (problem: PlanningProblem) (settings: StudySettings) (bases: Evaluated list) =
        let clock = TimeProvider.System
        let began = clock.GetTimestamp()
        let scenario = problem.Scenario

        let optimum =
            DynamicProgramming.policyIteration problem.Model scenario.Goal.Discount

        // The run time compiles code once more, for speed, when it has been used often; times mean little before that.
        rollouts
            problem
            { settings with
                TimedStates = 1 + settings.TimedStates / 6
            }
            bases
        |> ignore

        let rollouts = rollouts problem settings bases

        let ofBases make =
            bases
            |> List.choose (fun basePolicy -> basePolicy.Actions |> Option.map (make basePolicy.Name))

        {
            ResponseTimes = responseTimes problem
            States = problem.Model.StateCount
            StatesMissing =
                Seq.init problem.Model.StateCount id
                |> Seq.filter (missing problem)
                |> Seq.length
            Actions = scenario.System.Grid.ActionCount
            Controls = scenario.System.Grid.Controls.Count
            TimedStates = settings.TimedStates
            Start = scenario.System.Grid.Describe scenario.System.Start
            Horizons = settings.Horizons
            Optimum = value problem optimum.Values
            Bases =
                [
                    for basePolicy in bases ->
                        {
                            Name = basePolicy.Name
                            Value = value problem basePolicy.Values
                        }
                ]
            Rollouts = [ for struct (rollout, _) in rollouts -> rollout ]
            NewtonSteps = ofBases (newtonPicture problem optimum.Values)
            Episodes =
                [
                    yield! ofBases (episode problem)
                    for struct (rollout, policy) in rollouts do
                        episode problem rollout.Name policy
                    episode problem "optimum" optimum.Policy
                ]
            ElapsedSeconds = (clock.GetElapsedTime began).TotalSeconds
        }

    /// Evaluates and improves every base policy. Values are exact; only the times are measured.
    let run (problem: PlanningProblem) (settings: StudySettings) (bases: StudiedBase list) =
        (bases, Ok [])
        ||> List.foldBack (fun studied found ->
            found
            |> Result.bind (fun found -> evaluated problem studied |> Result.map (fun one -> one :: found)))
        |> Result.map (study problem settings)

    /// A base policy as the planner takes it: as a distribution where that is known exactly, otherwise as a table.
    let private studied (problem: PlanningProblem) (name, policy) =
        let scenario = problem.Scenario

        match policy with
        | BasePolicySpecification.Random ->
            Ok
                {
                    Name = name
                    Policy = PlannedBase.Random
                }
        | _ ->
            let dynamics =
                NetworkDynamics(scenario.System.Grid, scenario.Goal.Reward, problem.ResponseTimes)

            Scenario.policy scenario policy (fun () -> Ok problem.ResponseTimes)
            |> Result.bind (fun created ->
                NetworkModel.policy dynamics problem.Loads created (RandomKey 0UL) problem.Model)
            |> Result.map (fun table ->
                {
                    Name = name
                    Policy = PlannedBase.Table(name, FinitePolicy.actions problem.Model table)
                })

    /// The study that a scenario asks for, of all its base policies on the system of its trace; none where it asks for none. Ends
    /// with an OperationCanceledException once the token is cancelled.
    let ofScenario cancellation (scenario: Scenario) =
        match scenario.Experiment.PlanningStudy with
        | None -> Ok None
        | Some settings ->
            PlanningProblem.loadUntil cancellation scenario None
            |> Result.bind (fun problem ->
                Contenders.basePolicies scenario
                |> List.traverseResultM (studied problem)
                |> Result.bind (run problem settings))
            |> Result.map Some
