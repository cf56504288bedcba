/// Rollout on an enumerated problem: all states and actions in tables, exact values, any horizon.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.TableRollout

open System.Collections.Concurrent
open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

let private point (grid: ControlGrid) (model: FiniteModel) (state: SystemState) given =
    let onGrid = grid.Mask state.Configuration

    let mask =
        if given = onGrid then
            onGrid
        else
            ActionMasks.common given onGrid

    {
        State = grid.IndexOf state.Configuration
        Mask = mask
        Allows =
            if mask = onGrid then
                fun _ -> true
            else
                fun choice -> ActionMasks.allows mask model.Actions[choice]
    }

let private rollout (grid: ControlGrid) (model: FiniteModel) (compare: FiniteModel -> DecisionPoint -> Comparison) =
    let decide (point: DecisionPoint) mask (baseAction: ControlAction) cancellation =
        let comparison = compare (FiniteModel.until cancellation model) point
        let choice = comparison.Choose()

        {
            Action = grid.ActionAt(model.Actions[choice]).Within mask
            QFactor = comparison.QFactor choice
            BaseQFactor =
                FiniteModel.tryChoice model point.State (grid.IndexOf baseAction)
                |> ValueOption.map comparison.QFactor
        }

    /// By state and base action: decisions under the grid's own masks come again and again until the next model.
    let decided = ConcurrentDictionary<struct (int * int), RolloutDecision>()

    { new IRollout with
        member _.Decide(state, mask, baseAction, cancellation) =
            let key = struct (grid.IndexOf state.Configuration, grid.IndexOf baseAction)

            let onGrid = mask = grid.Mask state.Configuration

            match
                (if onGrid then
                     decided.TryGetValue key
                 else
                     (false, Unchecked.defaultof<_>))
            with
            | true, decision -> decision
            | false, _ ->
                let decision = decide (point grid model state mask) mask baseAction cancellation

                if onGrid then
                    decided[key] <- decision

                decision

        member _.Alternatives(state, mask, cancellation) =
            let point = point grid model state mask
            let comparison = compare (FiniteModel.until cancellation model) point

            [|
                for choice in model.FirstChoice[point.State] .. model.FirstChoice[point.State + 1] - 1 do
                    if point.Allows choice then
                        let action = grid.ActionAt model.Actions[choice]

                        {
                            Action = action.Within mask
                            Next = grid.Move(state.Configuration, action)
                            QFactor = comparison.QFactor choice
                        }
            |]
    }

/// Rollout of a base policy on a system model (grid, reward, response times) under one load.
/// Tabulates the problem and evaluates the base policy, all of it before it returns.
///
/// A policy that draws its actions is asked in state i under child i of the key. An error: the horizon is below 1, the
/// problem is too large for tables (`ProblemSize`), the base policy takes an action that is not admissible, or has no one
/// action in each state where controls are chosen one after another.
let create
    (dynamics: NetworkDynamics)
    (offeredLoads: EquatableArray<RequestRate>)
    (discount: Discount)
    (basePolicy: RolloutBase)
    (settings: RolloutSettings)
    (key: RandomKey)
    (cancellation: CancellationToken)
    : Result<IRollout, string> =
    let grid = dynamics.Grid

    /// The comparison, on what the leaves are worth.
    let comparison model =
        match basePolicy, settings.Scheme with
        | RolloutBase.Distribution policy, RolloutScheme.Joint ->
            let evaluated =
                NetworkModel.randomized dynamics offeredLoads policy model
                |> RewardProcess.ofRandomizedPolicy model
                |> PolicyEvaluation.evaluate discount

            Leaves.ofBase
                settings.Leaves
                grid
                model
                discount
                {
                    Values = evaluated.Extended
                    // What it draws is not looked at where all actions are compared at once.
                    Policy = Leaves.hold grid model
                }
            |> _.Values
            |> RelativeValues.within model settings.Horizon
            |> Comparison.joint grid discount settings.Horizon
            |> Ok
        | RolloutBase.Distribution _, RolloutScheme.Multiagent ->
            Error "multiagent rollout: the base policy draws its actions; expected one action in each state"
        | RolloutBase.Actions policy, _ ->
            NetworkModel.policy dynamics offeredLoads policy key model
            |> Result.map (fun actions ->
                let leaves =
                    Leaves.ofBase settings.Leaves grid model discount (Leaves.ofPolicy model discount actions)

                let values = RelativeValues.within model settings.Horizon leaves.Values

                match settings.Scheme with
                | RolloutScheme.Joint -> Comparison.joint grid discount settings.Horizon values
                | RolloutScheme.Multiagent -> Comparison.multiagent grid discount settings.Horizon leaves.Policy values)

    if settings.Horizon < 1 then
        Error $"the horizon is {settings.Horizon}; expected at least 1"
    else
        NetworkModel.tabulateUntil cancellation dynamics offeredLoads
        |> Result.bind (fun model -> comparison model |> Result.map (rollout grid model))
