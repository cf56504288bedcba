namespace OnlinePolicyAdaptation.Experiments

open System
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// How the actions of a rollout decision are compared.
[<RequireQualifiedAccess>]
type RolloutScheme =
    /// All actions at once.
    | Joint
    /// One control after another.
    | Multiagent

/// A base policy of a study, by its name in charts.
type StudiedBase = { Name: string; Policy: BasePolicy }

/// What a study varies, and how much work it puts into it.
type StudySettings =
    {
        Bases: StudiedBase list
        Horizons: int list
        /// States in which the time of a decision is measured.
        TimedStates: int
        /// Least time that a decision is repeated for in each of them.
        TimedSeconds: float
    }

/// The exact value of a base policy.
type BaseValue = { Base: StudiedBase; Values: float[] }

/// A rollout policy and its exact value.
type RolloutValue =
    {
        Base: StudiedBase
        Scheme: RolloutScheme
        Horizon: int
        Policy: FinitePolicy
        Values: float[]
        /// Median over states of the computing time of a decision, the base policy's value being known.
        SecondsPerDecision: float
    }

/// What a policy does from the start state.
type Episode =
    {
        Name: string
        /// One more than there are cycles.
        Configurations: Configuration[]
        Rewards: float[]
    }

/// Base policies, the rollout policies made of them, and the optimum, on one decision problem.
type PlanningStudy =
    {
        Problem: PlanningProblem
        Settings: StudySettings
        Start: int
        Optimum: PolicyIteration
        Bases: BaseValue list
        Rollouts: RolloutValue list
        NewtonSteps: struct (StudiedBase * NewtonStep) list
        Episodes: Episode list
        Elapsed: TimeSpan
    }

[<RequireQualifiedAccess>]
module PlanningStudy =

    /// Points of the operator T in the pictures of Newton steps.
    let private newtonPoints = 61

    /// Median over some states, evenly spread, of the seconds that `decide` takes.
    let private secondsPerDecision settings stateCount (decide: int -> unit) =
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

    let private joint (problem: PlanningProblem) settings (baseValue: BaseValue) horizon =
        let model = problem.Model
        let discount = problem.Scenario.Discount
        let policy = Lookahead.policy model discount horizon baseValue.Values

        {
            Base = baseValue.Base
            Scheme = RolloutScheme.Joint
            Horizon = horizon
            Policy = policy
            Values = PolicyEvaluation.exact model discount policy
            SecondsPerDecision =
                secondsPerDecision settings model.StateCount (fun state ->
                    Lookahead.decide model discount horizon baseValue.Values ValueNone state
                    |> ignore)
        }

    let private multiagent (problem: PlanningProblem) settings (baseValue: BaseValue) basePolicy horizon =
        let model = problem.Model
        let discount = problem.Scenario.Discount
        let components = ActionComponents.ofGrid problem.Scenario.Grid
        let order = ActionComponents.naturalOrder components

        let policy =
            MultiagentRollout.policy model discount components order horizon basePolicy baseValue.Values

        {
            Base = baseValue.Base
            Scheme = RolloutScheme.Multiagent
            Horizon = horizon
            Policy = policy
            Values = PolicyEvaluation.exact model discount policy
            SecondsPerDecision =
                secondsPerDecision settings model.StateCount (fun state ->
                    MultiagentRollout.decide model discount components order horizon basePolicy baseValue.Values state
                    |> ignore)
        }

    let private episode (problem: PlanningProblem) start name policy =
        let states, rewards =
            PolicyEvaluation.path problem.Model policy problem.Scenario.Cycles start

        {
            Name = name
            Configurations = states |> Array.map problem.Scenario.Grid.ConfigurationAt
            Rewards = rewards
        }

    /// The base policies that have one action in each state; the others cannot be improved one control after another.
    let private tables problem (bases: BaseValue list) =
        bases
        |> List.choose (fun baseValue ->
            match Plan.basePolicy problem baseValue.Base.Policy with
            | Ok policy -> Some struct (baseValue, policy)
            | Error _ -> None)

    let schemeName scheme =
        match scheme with
        | RolloutScheme.Joint -> "joint"
        | RolloutScheme.Multiagent -> "multiagent"

    /// The name of a rollout policy in tables and charts.
    let rolloutName rollout =
        $"{rollout.Base.Name}, {schemeName rollout.Scheme} rollout, l = {rollout.Horizon}"

    let private study (problem: PlanningProblem) settings (bases: BaseValue list) =
        let clock = TimeProvider.System
        let began = clock.GetTimestamp()
        let model = problem.Model
        let discount = problem.Scenario.Discount
        let start = problem.Scenario.Grid.IndexOf problem.Scenario.Start
        let optimum = DynamicProgramming.policyIteration model discount
        let tables = tables problem bases

        let rolloutsTimed settings =
            [
                for baseValue in bases do
                    for horizon in settings.Horizons -> joint problem settings baseValue horizon
                for struct (baseValue, policy) in tables do
                    for horizon in settings.Horizons -> multiagent problem settings baseValue policy horizon
            ]

        // The run time compiles code once more, for speed, when it has been used often; times mean little before that.
        rolloutsTimed
            { settings with
                TimedStates = 1 + settings.TimedStates / 6
            }
        |> ignore

        let rollouts = rolloutsTimed settings

        let episodes =
            [
                for struct (baseValue, policy) in tables do
                    episode problem start baseValue.Base.Name policy

                for rollout in rollouts do
                    episode problem start (rolloutName rollout) rollout.Policy

                episode problem start "optimum" optimum.Policy
            ]

        {
            Problem = problem
            Settings = settings
            Start = start
            Optimum = optimum
            Bases = bases
            Rollouts = rollouts
            NewtonSteps =
                [
                    for struct (baseValue, policy) in tables ->
                        struct (baseValue.Base, NewtonStep.at model discount optimum.Values newtonPoints policy start)
                ]
            Episodes = episodes
            Elapsed = clock.GetElapsedTime began
        }

    /// Evaluates and improves every base policy. Values and policies are exact; only the times are measured.
    let run (problem: PlanningProblem) (settings: StudySettings) =
        (settings.Bases, Ok [])
        ||> List.foldBack (fun studied found ->
            found
            |> Result.bind (fun found ->
                Plan.baseValues problem studied.Policy
                |> Result.map (fun values -> { Base = studied; Values = values } :: found)))
        |> Result.map (study problem settings)
