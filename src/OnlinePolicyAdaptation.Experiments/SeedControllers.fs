namespace OnlinePolicyAdaptation.Experiments

open System
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Scenarios

/// What the contenders of one seed have in common, each made when the first of them needs it.
type SeedControllers =
    {
        /// The optimum of each system, by its number.
        Optima: Lazy<IPolicy<SystemState, ControlAction>>[]
        /// The base policies by their name.
        BasePolicies: Map<string, Lazy<IPolicy<SystemState, ControlAction>>>
        /// The estimates that controllers start with, by the way of forgetting.
        Starts: Map<Forgetting, Lazy<EstimateState>>
    }

/// The controllers of an experiment's contenders.
[<RequireQualifiedAccess>]
module SeedControllers =

    /// All chance of a seed comes from it.
    let private keyOf (seed: int) = RandomKey(uint64 seed)

    /// The chance of the environment; that of the others is independent of it.
    let environmentKey seed = (keyOf seed).Split 0

    let private controllerKey (key: RandomKey) = key.Split 1
    let private oldSystemKey (key: RandomKey) = key.Split 2

    let private settings (scenario: Scenario) planner basePolicy =
        {
            Grid = scenario.System.Grid
            Reward = scenario.Goal.Reward
            Discount = scenario.Goal.Discount
            BasePolicy = basePolicy
            Planner = planner
            Leaves = scenario.Controller.Leaves
            Estimation = scenario.Controller.Estimation
            Guard =
                { Guard.permissive scenario.System.Grid with
                    Probes = scenario.Controller.Guard.Probes
                }
            Admission = Admission.unbounded
            Losses = ValueNone
            FollowsLag = false
            Mode = Mode.Act
            Clock = Clock.Lockstep
        }

    let private ok result =
        result |> Result.defaultWith (fun message -> raise (BadInputException message))

    let private forgettingOf (scenario: Scenario) contender =
        match contender with
        | Contender.RolloutForgetting(_, forgetting) -> forgetting
        | _ -> scenario.Controller.Estimation.Forgetting

    let create (scenario: Scenario) (traces: Traces) contenders seed =
        let key = keyOf seed

        let systemBefore =
            lazy ok (RecordedSystem.responseTimes scenario traces.Before (oldSystemKey key))

        /// Where a base policy is made from a system, it is the one before the change.
        let given policy =
            let created =
                Scenario.policy scenario policy (fun () -> Ok systemBefore.Value) |> ok

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
            Optima =
                traces.Systems
                |> Array.map (fun system ->
                    lazy ExpectedRewards.optimum scenario (ExpectedRewards.ofTrace scenario system))
            BasePolicies =
                Map.ofList
                    [
                        for name, policy in Contenders.basePolicies scenario -> name, lazy given policy
                    ]
            Starts =
                Map.ofList
                    [
                        for forgetting in contenders |> List.map (forgettingOf scenario) |> List.distinct ->
                            forgetting, lazy start forgetting
                    ]
        }

    /// Makes all of it now.
    let complete shared =
        for policy in Seq.append shared.Optima shared.BasePolicies.Values do
            policy.Force() |> ignore

    /// The chance of a contender that is no controller.
    let baselineKey seed = (keyOf seed).Split 3

    /// The controllers of a contender, each with its first cycle; of a baseline none, since it needs no controller.
    let cycles (scenario: Scenario) (shared: SeedControllers) contender (retrained: IPolicy<_, _> voption) seed =
        let scenario = Scenario.forgetting (forgettingOf scenario contender) scenario

        let name =
            Contenders.basePolicyOf scenario contender
            |> Option.defaultWith (fun () -> (Contenders.basePolicies scenario).Head)
            |> fst

        let given = shared.BasePolicies[name].Value

        let controller basePolicy =
            Cycle.compose
                (settings scenario contender.Planner basePolicy)
                shared.Starts[scenario.Controller.Estimation.Forgetting].Value
                (controllerKey (keyOf seed))

        /// What a policy for each system acts by.
        let bySystem policyOf =
            [
                0, controller (policyOf 0)
                for i, change in List.indexed scenario.Experiment.Changes do
                    change.FromCycle, controller (policyOf (i + 1))
            ]

        match contender with
        | Contender.Base
        | Contender.Rollout _
        | Contender.Multiagent _
        | Contender.RolloutForgetting _
        | Contender.Further _ -> [ 0, controller given ]
        | Contender.Retrained _ ->
            bySystem (fun system ->
                if system = 0 then
                    given
                else
                    ValueOption.defaultValue given retrained)
        | Contender.Baseline _ -> []
        | Contender.Optimum -> bySystem (fun system -> shared.Optima[system].Value)
