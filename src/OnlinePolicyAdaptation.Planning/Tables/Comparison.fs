namespace OnlinePolicyAdaptation.Planning

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Where one decides, in the numbers of a table.
[<NoComparison; NoEquality>]
type internal DecisionPoint =
    {
        State: int
        /// What mask and grid allow; never nothing.
        Mask: ActionMask
        /// Whether they allow the action of a choice.
        Allows: int -> bool
    }

/// How the choices of a state compare.
[<NoComparison; NoEquality>]
type internal Comparison =
    {
        /// Of a choice of the state.
        QFactor: int -> float
        /// The number of the choice made.
        Choose: unit -> int
    }

[<RequireQualifiedAccess>]
module internal Comparison =

    /// Among actions of equal Q-factor keeping the configuration wins, then the smallest number.
    let joint (grid: ControlGrid) discount horizon (leaves: RelativeLeaves) =
        let keep = grid.IndexOf(ControlAction.Keep grid.Controls.Count)

        fun (model: FiniteModel) point ->
            let leaves = leaves.From point.State

            let qFactors =
                Lookahead.qFactors model discount horizon leaves.Distances point.State

            let absolute = RelativeValues.qFactor discount horizon leaves
            let first = model.FirstChoice[point.State]

            {
                QFactor = fun choice -> absolute qFactors[choice - first]
                Choose = fun () -> first + Lookahead.best model qFactors point.Allows (ValueSome keep) point.State
            }

    let multiagent (grid: ControlGrid) discount horizon (basePolicy: FinitePolicy) (leaves: RelativeLeaves) =
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
            let leaves = leaves.From point.State
            let values = leaves.Distances

            let qFactor =
                MultiagentRollout.qFactor model discount components order horizon basePolicy values

            {
                QFactor = qFactor >> RelativeValues.qFactor discount horizon leaves
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
