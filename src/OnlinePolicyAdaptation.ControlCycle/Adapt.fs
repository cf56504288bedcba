namespace OnlinePolicyAdaptation.ControlCycle

open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Planning
open MathNet.Numerics.Distributions

/// What has been planned on a model so far: the same plan serves every decision under its load.
type Plans =
    private
        {
            model: EstimatedModel voption
            byLoads: Map<float list, Result<IRollout, CycleError>>
        }

/// An action that could be chosen.
type Alternative =
    {
        Action: ControlAction
        /// The configuration it leads to.
        Next: Configuration
        /// Mean response time of every service there, in seconds, as the model predicts it.
        Predicted: float[]
        QFactor: float
    }

/// From the system model and the base policy to an action: one step of policy iteration at the current state.
[<RequireQualifiedAccess>]
module Adapt =

    /// Loads that plans are kept for, at most.
    let private most = 64

    /// Loads that plans are kept for, so that they fit in memory together.
    let private capacity (grid: ControlGrid) =
        min most (ProblemSize.fitting (ProblemSize.ofGrid grid))

    let noPlans =
        {
            model = ValueNone
            byLoads = Map.empty
        }

    /// The response times that are planned with.
    let private responseTimes outlook (model: EstimatedModel) : IResponseTimeModel =
        let bounded sign confidence =
            BoundedResponseTimes(model.ResponseTimes, sign * Normal.InvCDF(0.0, 1.0, confidence))

        match outlook with
        | Outlook.Expected -> model.ResponseTimes
        | Outlook.Optimistic confidence -> bounded -1.0 confidence
        | Outlook.Cautious confidence -> bounded 1.0 confidence

    /// The policy as a distribution over actions, if it draws them.
    let private drawing (policy: IPolicy<SystemState, ControlAction>) =
        match policy with
        | :? ActorPolicy as actor when actor.Decision = Decision.Likeliest -> ValueNone
        | :? IStochasticPolicy<SystemState> as stochastic -> ValueSome stochastic
        | _ -> ValueNone

    let private plan (settings: ControllerSettings) (model: EstimatedModel) loads (key: RandomKey) =
        let dynamics =
            NetworkDynamics(settings.Grid, settings.Reward, responseTimes settings.Estimation.Outlook model)

        let struct (scheme, horizon) =
            match settings.Planner with
            | Planner.MultiagentRollout horizon -> struct (RolloutScheme.Multiagent, horizon)
            | Planner.Rollout horizon -> struct (RolloutScheme.Joint, horizon)
            | Planner.BasePolicy -> struct (RolloutScheme.Joint, 1)

        let basePolicy =
            match scheme, drawing settings.BasePolicy with
            | RolloutScheme.Joint, ValueSome policy -> RolloutBase.Distribution policy
            | _ -> RolloutBase.Actions settings.BasePolicy

        TableRollout.create
            dynamics
            loads
            settings.Discount
            basePolicy
            scheme
            horizon
            (key.Split(model.FittedAt + 1))
            CancellationToken.None
        |> Result.mapError CycleError.UnusableModel

    /// The plan for a model under these loads, from those made before if it is among them. The settings are those the plans
    /// were made with; a base policy that draws its actions draws them once for each model.
    let planFor
        (settings: ControllerSettings)
        (model: EstimatedModel)
        (loads: EquatableArray<RequestRate>)
        key
        (plans: Plans)
        =
        let place = [ for load in loads -> load.PerSecond ]

        let known =
            match plans.model with
            | ValueSome last when obj.ReferenceEquals(last, model) -> plans.byLoads
            | _ -> Map.empty

        match known.TryFind place with
        | Some plan -> plan, plans
        | None ->
            let plan = plan settings model loads key

            let kept =
                if known.Count < capacity settings.Grid then
                    known
                else
                    Map.empty

            plan,
            {
                model = ValueSome model
                byLoads = kept.Add(place, plan)
            }

    /// What rollout decides in a state.
    let decide (settings: ControllerSettings) (plan: IRollout) (state: SystemState) baseAction =
        plan.Decide(state, settings.Grid.Mask state.Configuration, baseAction, CancellationToken.None)

    /// All admissible actions in a state with the Q-factors that rollout compares.
    let alternatives (settings: ControllerSettings) model (plan: IRollout) (state: SystemState) : Alternative[] =
        plan.Alternatives(state, settings.Grid.Mask state.Configuration, CancellationToken.None)
        |> Array.map (fun value ->
            {
                Action = value.Action
                Next = value.Next
                Predicted = Estimate.predict model value.Next state.OfferedLoads
                QFactor = value.QFactor
            })
