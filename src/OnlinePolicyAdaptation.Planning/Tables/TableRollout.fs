/// Rollout on an enumerated problem: all states and actions in tables, exact values, any horizon.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.TableRollout

open System.Collections.Concurrent
open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Where one decides, in the numbers of the tables.
[<NoComparison; NoEquality>]
type private DecisionPoint =
    {
        State: int
        /// What mask and grid allow; never nothing.
        Mask: ActionMask
        /// Whether they allow the action of a choice.
        Allows: int -> bool
    }

/// How the choices of a state compare.
[<NoComparison; NoEquality>]
type private Comparison =
    {
        /// Of a choice of the state.
        QFactor: int -> float
        /// The number of the choice made.
        Choose: unit -> int
    }

/// What both allow. A control to which they allow no move in common keeps its level.
let private common (given: ActionMask) (onGrid: ActionMask) =
    let keep = 0b010UL

    Seq.map2 (fun a b -> if a &&& b = 0UL then keep else a &&& b) given.Allowed onGrid.Allowed
    |> EquatableArray.ToEquatableArray
    |> ActionMask

/// Whether a mask allows the action of this number, whose digits are the choices of the controls, the last one fastest.
let private allows (mask: ActionMask) number =
    let mutable rest = number
    let mutable allowed = true

    for control in mask.Components - 1 .. -1 .. 0 do
        allowed <- allowed && mask.Allows(control, rest % ControlAction.ChoicesPerControl)
        rest <- rest / ControlAction.ChoicesPerControl

    allowed

let private point (grid: ControlGrid) (model: FiniteModel) (state: SystemState) given =
    let onGrid = grid.Mask state.Configuration
    let mask = if given = onGrid then onGrid else common given onGrid

    {
        State = grid.IndexOf state.Configuration
        Mask = mask
        Allows =
            if mask = onGrid then
                fun _ -> true
            else
                fun choice -> allows mask model.Actions[choice]
    }

/// Among actions of equal Q-factor keeping the configuration wins, then the smallest number.
let private joint (grid: ControlGrid) discount horizon values =
    let keep = grid.IndexOf(ControlAction.Keep grid.Controls.Count)

    fun (model: FiniteModel) point ->
        let qFactors = Lookahead.qFactors model discount horizon values point.State
        let first = model.FirstChoice[point.State]

        {
            QFactor = fun choice -> qFactors[choice - first]
            Choose = fun () -> first + Lookahead.best model qFactors point.Allows (ValueSome keep) point.State
        }

let private multiagent (grid: ControlGrid) discount horizon (basePolicy: FinitePolicy) values =
    let components = ActionComponents.ofGrid grid
    let order = ActionComponents.naturalOrder components

    /// The base policy's choice, as far as the mask allows it.
    let start (model: FiniteModel) point =
        let choice = basePolicy[point.State]

        if point.Allows choice then
            choice
        else
            grid.ActionAt(model.Actions[choice]).Within point.Mask
            |> grid.IndexOf
            |> FiniteModel.tryChoice model point.State
            |> ValueOption.defaultValue choice

    fun (model: FiniteModel) point ->
        let qFactor =
            MultiagentRollout.qFactor model discount components order horizon basePolicy values

        {
            QFactor = qFactor
            Choose =
                fun () ->
                    MultiagentRollout.choose
                        model
                        discount
                        components
                        order
                        horizon
                        values
                        qFactor
                        point.Allows
                        (start model point)
                        point.State
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
            let values =
                NetworkModel.randomized dynamics offeredLoads policy model
                |> RewardProcess.ofRandomizedPolicy model
                |> PolicyEvaluation.exactOf discount

            match settings.Leaves with
            | LeafValues.Base -> values
            | LeafValues.BetterOf -> Rollout.bestOf [ values; (Leaves.ofStaying grid model discount).Values ]
            |> joint grid discount settings.Horizon
            |> Ok
        | RolloutBase.Distribution _, RolloutScheme.Multiagent ->
            Error "multiagent rollout: the base policy draws its actions; expected one action in each state"
        | RolloutBase.Actions policy, _ ->
            NetworkModel.policy dynamics offeredLoads policy key model
            |> Result.map (fun actions ->
                let leaves =
                    Leaves.ofBase
                        settings.Leaves
                        grid
                        model
                        discount
                        {
                            Values = PolicyEvaluation.exact model discount actions
                            Policy = actions
                        }

                match settings.Scheme with
                | RolloutScheme.Joint -> joint grid discount settings.Horizon leaves.Values
                | RolloutScheme.Multiagent -> multiagent grid discount settings.Horizon leaves.Policy leaves.Values)

    if settings.Horizon < 1 then
        Error $"the horizon is {settings.Horizon}; expected at least 1"
    else
        NetworkModel.tabulateUntil cancellation dynamics offeredLoads
        |> Result.bind (fun model -> comparison model |> Result.map (rollout grid model))
