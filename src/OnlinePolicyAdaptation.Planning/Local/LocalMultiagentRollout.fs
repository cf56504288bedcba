namespace OnlinePolicyAdaptation.Planning

open OnlinePolicyAdaptation.Domain.Mdp

/// What multiagent rollout found for one configuration of a local model.
type LocalDecision =
    {
        /// The move of each component: -1, 0 or +1 level.
        Moves: int[]
        /// The Q-factor of these moves.
        Value: float
        /// The moves of the base policy, and their Q-factor.
        BaseMoves: int[]
        BaseValue: float
    }

/// Multiagent one-step rollout on a local model: thousands of controls, none of whose configurations are enumerated. The
/// leaves are truncated rollouts of a local base policy. The decision is that of `SampledMultiagentRollout` on the same
/// model, but comparing two choices of a component costs only the terms that tell them apart: with terms and policies of
/// bounded scope, a decision takes time in proportion to the number of components (times its logarithm, for sums).
[<RequireQualifiedAccess>]
module LocalMultiagentRollout =

    /// The decision under the levels `state`, all on the grid. Components move in the order given; after the first step
    /// the base policy is followed for `steps` >= 0 steps and `terminal`, of the sums of the last configuration, stands
    /// for the rest. Moves that leave the grid are not considered; ties go to the move one has.
    let decide
        (model: ILocalModel)
        (policy: ILocalPolicy)
        (discount: Discount)
        (order: int[])
        steps
        (terminal: float[] -> float)
        (state: int[])
        =
        let trajectory = LocalTrajectory.start model policy steps state

        let value () =
            LocalTrajectory.value trajectory discount.Value terminal

        let moves () =
            Array.init state.Length (LocalTrajectory.moveOf trajectory)

        let baseMoves = moves ()
        let baseValue = value ()
        let mutable best = baseValue

        for i in order do
            let had = LocalTrajectory.moveOf trajectory i
            let mutable chosen = had

            for move in -1 .. 1 do
                if move <> had && LocalTrajectory.admits trajectory i move then
                    LocalTrajectory.move trajectory i move
                    let q = value ()
                    LocalTrajectory.undo trajectory

                    if q > best then
                        chosen <- move
                        best <- q

            if chosen <> had then
                LocalTrajectory.move trajectory i chosen
                LocalTrajectory.keep trajectory

        {
            Moves = moves ()
            Value = best
            BaseMoves = baseMoves
            BaseValue = baseValue
        }
