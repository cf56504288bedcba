namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Planning
open MathNet.Numerics.Distributions

/// The decision problem under one load as a model shows it, and what the base policy is worth in it.
type Plan =
    {
        Problem: FiniteModel
        /// Of the base policy, one entry per state.
        Values: float[]
        /// The base policy, where one control is chosen after another.
        BasePolicy: FinitePolicy voption
    }

/// What has been planned on a model so far: the same plan serves every decision under its load.
type Plans =
    private
        {
            model: EstimatedModel voption
            byLoads: Map<float list, Result<Plan, CycleError>>
            /// The loads, the one that was used last first.
            recent: float list list
        }

/// The action that rollout chooses.
type PlannedAction =
    {
        Action: ControlAction
        QFactor: float
        /// Of the base policy's action, where it is among those compared.
        BaseQFactor: float voption
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

/// Plans on system models: made once for a model and a load, and what rollout chooses on them.
[<RequireQualifiedAccess>]
module Plans =

    /// Loads that plans are kept for.
    let private capacity = 64

    let none =
        {
            model = ValueNone
            byLoads = Map.empty
            recent = []
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

        let onProblem problem =
            match settings.Planner, drawing settings.BasePolicy with
            | (Planner.BasePolicy | Planner.Rollout _), ValueSome policy ->
                Ok
                    {
                        Problem = problem
                        Values =
                            NetworkModel.randomized dynamics loads policy problem
                            |> RewardProcess.ofRandomizedPolicy problem
                            |> PolicyEvaluation.exactOf settings.Discount
                        BasePolicy = ValueNone
                    }
            | _ ->
                NetworkModel.policy dynamics loads settings.BasePolicy (key.Split(model.FittedAt + 1)) problem
                |> Result.map (fun basePolicy ->
                    {
                        Problem = problem
                        Values = PolicyEvaluation.exact problem settings.Discount basePolicy
                        BasePolicy = ValueSome basePolicy
                    })

        NetworkModel.tabulate dynamics loads
        |> Result.bind onProblem
        |> Result.mapError CycleError.UnusableModel

    /// The plan for a model under these loads, from those made before if it is among them: of as many loads as there is
    /// room for, the one that was not used for longest goes first. The settings are those the plans were made with; a base
    /// policy that draws its actions draws them once for each model.
    let planFor settings (model: EstimatedModel) (loads: EquatableArray<RequestRate>) key (plans: Plans) =
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
            let plan = plan settings model loads key
            let kept, gone = List.splitAt (min (capacity - 1) known.recent.Length) known.recent

            plan,
            { known with
                byLoads = (List.fold (fun plans load -> Map.remove load plans) known.byLoads gone).Add(place, plan)
                recent = place :: kept
            }

    /// The choice of all controls together. Among actions of equal Q-factor keeping the configuration wins.
    let private byRollout
        (settings: ControllerSettings)
        horizon
        (plan: Plan)
        (state: SystemState)
        (baseAction: ControlAction)
        =
        let grid = settings.Grid
        let keep = grid.IndexOf(ControlAction.Keep grid.Controls.Count)
        let here = grid.IndexOf state.Configuration

        let decision =
            Lookahead.decide plan.Problem settings.Discount horizon plan.Values (ValueSome keep) here

        let baseIndex = System.Array.IndexOf(decision.Actions, grid.IndexOf baseAction)

        {
            Action = grid.ActionAt decision.Action
            QFactor = decision.Value
            BaseQFactor =
                if baseIndex < 0 then
                    ValueNone
                else
                    ValueSome decision.QFactors[baseIndex]
        }

    /// All admissible actions in a state with the Q-factors that rollout compares.
    let alternatives (settings: ControllerSettings) horizon model (plan: Plan) (state: SystemState) =
        let grid = settings.Grid

        let decision =
            Lookahead.decide
                plan.Problem
                settings.Discount
                horizon
                plan.Values
                ValueNone
                (grid.IndexOf state.Configuration)

        Array.map2
            (fun index qFactor ->
                let action = grid.ActionAt index
                let next = grid.Move(state.Configuration, action)

                {
                    Action = action
                    Next = next
                    Predicted = Estimator.predict model next state.OfferedLoads
                    QFactor = qFactor
                })
            decision.Actions
            decision.QFactors

    /// The choice of one control after another.
    let private byMultiagentRollout
        (settings: ControllerSettings)
        horizon
        (plan: Plan)
        (basePolicy: FinitePolicy)
        (state: SystemState)
        =
        let grid = settings.Grid
        let components = ActionComponents.ofGrid grid

        let decision =
            MultiagentRollout.decide
                plan.Problem
                settings.Discount
                components
                (ActionComponents.naturalOrder components)
                horizon
                basePolicy
                plan.Values
                (grid.IndexOf state.Configuration)

        {
            Action = grid.ActionAt decision.Action
            QFactor = decision.Value
            BaseQFactor = ValueNone
        }

    /// What rollout chooses in a state, where it is to choose.
    let choose (settings: ControllerSettings) (plan: Plan) (here: SystemState) baseAction =
        match settings.Planner, plan.BasePolicy with
        | Planner.BasePolicy, _ -> ValueNone
        | Planner.MultiagentRollout horizon, ValueSome basePolicy ->
            ValueSome(byMultiagentRollout settings horizon plan basePolicy here)
        | (Planner.Rollout horizon | Planner.MultiagentRollout horizon), _ ->
            ValueSome(byRollout settings horizon plan here baseAction)
