namespace OnlinePolicyAdaptation.Planning

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What stands at the leaves of a plan: in each state the largest of the values of some policies, and the choice of the policy
/// whose value that is. Lookahead with these values is nowhere worse than any of the policies. (Bertsekas, Rollout, Policy
/// Iteration, and Distributed Reinforcement Learning, 2020, section 2.3: parallel rollout.)
type Leaves =
    {
        Values: ExtendedValues
        Policy: FinitePolicy
    }

[<RequireQualifiedAccess>]
module Leaves =

    let private keep (grid: ControlGrid) =
        grid.IndexOf(ControlAction.Keep grid.Controls.Count)

    let private choice model state action =
        FiniteModel.tryChoice model state action
        |> ValueOption.defaultWith (fun () -> invalidOp $"state {state}: action {action} is not admissible")

    /// The policy that holds every configuration. The model is that of the grid.
    let hold (grid: ControlGrid) (model: FiniteModel) : FinitePolicy =
        let keep = keep grid
        Array.init model.StateCount (fun state -> choice model state keep)

    /// The configuration in which staying earns most; of equal ones the one of the smallest number.
    let best (grid: ControlGrid) (model: FiniteModel) =
        let staying = hold grid model |> Array.map (fun choice -> model.Rewards[choice])
        let mutable best = 0

        for state in 1 .. staying.Length - 1 do
            if staying[state] > staying[best] then
                best <- state

        best

    /// The move of every control towards a configuration.
    let towards (configuration: Configuration) (target: Configuration) =
        ControlAction(
            Seq.map2 (fun from ``to`` -> sign (``to`` - from)) configuration.Levels target.Levels
            |> EquatableArray.ToEquatableArray
        )

    /// The policy that goes straight to a configuration, every control at once, and stays there.
    let straightTo (grid: ControlGrid) (model: FiniteModel) target : FinitePolicy =
        let target = grid.ConfigurationAt target

        Array.init model.StateCount (fun state ->
            towards (grid.ConfigurationAt state) target
            |> grid.IndexOf
            |> choice model state)

    /// The larger value in each state; of equal ones, but for the rounding of rewards, the first.
    let better (model: FiniteModel) (first: Leaves) (second: Leaves) =
        let tie = ExtendedBellman.tie * Sweeping.largestSize model.Rewards

        let isBetter =
            Array.init model.StateCount (fun state -> (second.Values[state] - first.Values[state]: Extended).High > tie)

        let select a b =
            Array.mapi2 (fun state x y -> if isBetter[state] then y else x) a b

        {
            Values =
                {
                    Highs = select first.Values.Highs second.Values.Highs
                    Lows = select first.Values.Lows second.Values.Lows
                }
            Policy = select first.Policy second.Policy
        }

    let ofPolicy model discount policy =
        {
            Values = (RewardProcess.ofPolicy model policy |> PolicyEvaluation.evaluate discount).Extended
            Policy = policy
        }

    /// Holding still, and going straight to the best configuration.
    let ofStaying (grid: ControlGrid) (model: FiniteModel) discount =
        better
            model
            (ofPolicy model discount (hold grid model))
            (ofPolicy model discount (straightTo grid model (best grid model)))

    /// With a base policy's. Of equal values the base policy's choice stands.
    let ofBase kind (grid: ControlGrid) model discount (baseLeaves: Leaves) =
        match kind with
        | LeafValues.Base -> baseLeaves
        | LeafValues.BetterOf -> better model baseLeaves (ofStaying grid model discount)
