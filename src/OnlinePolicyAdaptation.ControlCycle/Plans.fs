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
            byLoads: Map<float list, Result<ILimitedRollout, CycleError>>
            /// The loads, the one that was used last first.
            recent: float list list
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

/// Plans on system models, each made once for a model and a load, and what rollout decides on them.
[<RequireQualifiedAccess>]
module Plans =

    /// Loads that plans are kept for, at most.
    let private most = 64

    /// Loads that plans are kept for, so that they fit in memory together.
    let private capacity (grid: ControlGrid) =
        min most (ProblemSize.fitting (ProblemSize.ofGrid grid))

    let none =
        {
            model = ValueNone
            byLoads = Map.empty
            recent = []
        }

    /// The response times that are planned with.
    let private responseTimes attitude (model: EstimatedModel) : IResponseTimeModel =
        let bounded sign confidence : IResponseTimeModel =
            let deviations = Normal.InvCDF(0.0, 1.0, confidence)

            match model.ResponseTimes with
            | :? FactoredResponseTimes as factored -> factored.WithOptimism(-sign * deviations)
            | responseTimes -> BoundedResponseTimes(responseTimes, sign * deviations)

        match attitude with
        | RiskAttitude.Expected -> model.ResponseTimes
        | RiskAttitude.Optimistic confidence -> bounded -1.0 confidence
        | RiskAttitude.Cautious confidence -> bounded 1.0 confidence

    /// The policy as a distribution over actions, if it draws them.
    let private drawing (policy: IPolicy<SystemState, ControlAction>) =
        match policy with
        | :? ActorPolicy as actor when actor.ActionSelection = ActionSelection.Likeliest -> ValueNone
        | :? IStochasticPolicy<SystemState> as stochastic -> ValueSome stochastic
        | _ -> ValueNone

    let private plan (settings: ControllerSettings) (model: EstimatedModel) loads (key: RandomKey) cancellation =
        let dynamics =
            NetworkDynamics(settings.Grid, settings.Reward, responseTimes settings.Estimation.RiskAttitude model)

        let struct (scheme, horizon) =
            match settings.Planner with
            | Planner.MultiagentRollout horizon -> struct (RolloutScheme.Multiagent, horizon)
            | Planner.Rollout horizon -> struct (RolloutScheme.Joint, horizon)
            | Planner.BasePolicy -> struct (RolloutScheme.Joint, 1)

        let basePolicy =
            match scheme, drawing settings.BasePolicy with
            | RolloutScheme.Joint, ValueSome policy -> RolloutBase.Distribution policy
            | _ -> RolloutBase.Actions settings.BasePolicy

        let lookahead =
            {
                Scheme = scheme
                Horizon = horizon
                Leaves = settings.Leaves
            }

        let key = key.Split(model.FittedAt + 1)

        match Admissible.limits settings with
        | ValueSome limits ->
            LimitedRollout.create dynamics loads settings.Discount settings.BasePolicy lookahead limits key cancellation
        | ValueNone ->
            TableRollout.create dynamics loads settings.Discount basePolicy lookahead key cancellation
            |> Result.map (fun rollout ->
                { new ILimitedRollout with
                    member _.Within _ = rollout
                })
        |> Result.mapError CycleError.UnusableModel

    /// The plan for a model under these loads, from those made before if it is among them: of as many loads as there is
    /// room for, the one that was not used for longest goes first. The settings are those the plans were made with; a base
    /// policy that draws its actions draws them once for each model.
    let planFor
        (settings: ControllerSettings)
        (model: EstimatedModel)
        (loads: EquatableArray<RequestRate>)
        key
        cancellation
        (plans: Plans)
        =
        let place = [ for load in loads -> load.PerSecond ]

        let known =
            match plans.model with
            | ValueSome last when obj.ReferenceEquals(last, model) -> plans
            | _ -> { none with model = ValueSome model }

        match known.byLoads.TryFind place with
        | Some plan when known.recent.Head = place -> plan, known
        | Some plan ->
            plan,
            { known with
                recent = place :: List.except [ place ] known.recent
            }
        | None ->
            let plan = plan settings model loads key cancellation

            let kept, gone =
                List.splitAt (min (capacity settings.Grid - 1) known.recent.Length) known.recent

            plan,
            { known with
                byLoads = (List.fold (fun plans load -> Map.remove load plans) known.byLoads gone).Add(place, plan)
                recent = place :: kept
            }

    /// What rollout decides in a state.
    let decide (plan: ILimitedRollout) movesLeft (state: SystemState) mask baseAction cancellation =
        plan.Within(movesLeft).Decide(state, mask, baseAction, cancellation)

    /// All admissible actions in a state with the Q-factors that rollout compares.
    let alternatives model (plan: ILimitedRollout) movesLeft (state: SystemState) mask : Alternative[] =
        plan.Within(movesLeft).Alternatives(state, mask, CancellationToken.None)
        |> Array.map (fun value ->
            {
                Action = value.Action
                Next = value.Next
                Predicted = Estimator.predict model value.Next state.OfferedLoads
                QFactor = value.QFactor
            })
