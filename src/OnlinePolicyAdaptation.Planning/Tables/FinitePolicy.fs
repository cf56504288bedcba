namespace OnlinePolicyAdaptation.Planning

open OnlinePolicyAdaptation.Domain.Mdp

/// A deterministic policy of a finite model: the number of the choice it makes in each state.
type FinitePolicy = int[]

/// A policy that draws its action: the probability of every choice of the model, summing to 1 in each state.
type RandomizedPolicy = float[]

/// Base policies as tables.
[<RequireQualifiedAccess>]
module FinitePolicy =

    /// A policy of the domain as a table, over the states and action numbers the model was tabulated with. The policy
    /// acts in each state under the child key of the state's number.
    let tabulate
        (model: FiniteModel)
        (policy: IPolicy<'state, 'action>)
        (states: 'state[])
        (mask: 'state -> ActionMask)
        (actionIndex: 'action -> int)
        (key: RandomKey)
        =
        let choice index state =
            model.ThrowIfCancelled()
            let action = actionIndex (policy.Act(state, mask state, key.Split(index: int)))

            match FiniteModel.tryChoice model index action with
            | ValueSome choice -> Ok choice
            | ValueNone -> Error $"state {index}: the policy takes action {action}, which is not admissible there"

        let choices = states |> Array.mapi choice

        match
            choices
            |> Array.tryPick (function
                | Error message -> Some message
                | Ok _ -> None)
        with
        | Some message -> Error message
        | None ->
            Ok(
                choices
                |> Array.choose (function
                    | Ok choice -> Some choice
                    | Error _ -> None)
                : FinitePolicy
            )

    /// The policy that takes one action number in each state.
    let ofActions (model: FiniteModel) (actions: int[]) : Result<FinitePolicy, string> =
        if actions.Length <> model.StateCount then
            Error $"{actions.Length} actions given for {model.StateCount} states"
        else
            let choices = actions |> Array.mapi (FiniteModel.tryChoice model)

            match choices |> Array.tryFindIndex _.IsNone with
            | Some state -> Error $"state {state}: action {actions[state]} is not admissible"
            | None -> Ok(choices |> Array.map (ValueOption.defaultValue 0))

    /// The action number that the policy takes in each state.
    let actions (model: FiniteModel) (policy: FinitePolicy) =
        policy |> Array.map (fun choice -> model.Actions[choice])

    /// In each state the first action with the best immediate reward minus what taking the action costs.
    let greedy (model: FiniteModel) (actionCost: int -> float) : FinitePolicy =
        let gain choice =
            model.Rewards[choice] - actionCost model.Actions[choice]

        Array.init model.StateCount (fun state ->
            model.ThrowIfCancelled()
            let mutable best = model.FirstChoice[state]
            let mutable bestGain = gain best

            for choice in best + 1 .. model.FirstChoice[state + 1] - 1 do
                let candidate = gain choice

                if candidate > bestGain then
                    best <- choice
                    bestGain <- candidate

            best)

[<RequireQualifiedAccess>]
module RandomizedPolicy =

    /// Every admissible action with the same probability.
    let uniform (model: FiniteModel) : RandomizedPolicy =
        let policy = Array.zeroCreate model.ChoiceCount

        for state in 0 .. model.StateCount - 1 do
            let first = model.FirstChoice[state]
            let count = model.FirstChoice[state + 1] - first
            Array.fill policy first count (1.0 / float count)

        policy

    /// The randomized policy that takes a deterministic policy's choices with certainty.
    let ofPolicy (model: FiniteModel) (policy: FinitePolicy) : RandomizedPolicy =
        let probabilities = Array.zeroCreate model.ChoiceCount

        for choice in policy do
            probabilities[choice] <- 1.0

        probabilities
