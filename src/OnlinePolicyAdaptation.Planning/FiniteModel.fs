namespace OnlinePolicyAdaptation.Planning

open System
open OnlinePolicyAdaptation.Domain.Mdp

/// One possible outcome of taking an action: the state reached, with its probability.
[<Struct>]
type Successor = { State: int; Probability: float }

/// What an admissible action of a finite model does.
type Choice =
    {
        /// The number of the action. Actions of different states are free to share numbers.
        Action: int
        /// The expected reward of the step.
        Reward: float
        /// Where it may lead; the probabilities sum to 1.
        Successors: Successor[]
    }

/// A decision process whose states are numbered from 0 and whose transitions are stored sparsely.
///
/// A *choice* is a pair of a state and one of its admissible actions. The choices of state s are numbered
/// `FirstChoice[s] .. FirstChoice[s+1] - 1`, by ascending action, and the successors of choice k stand at
/// `FirstSuccessor[k] .. FirstSuccessor[k+1] - 1`.
type FiniteModel =
    private
        {
            firstChoice: int[]
            actions: int[]
            rewards: float[]
            firstSuccessor: int[]
            successors: int[]
            probabilities: float[]
        }

    member this.StateCount = this.firstChoice.Length - 1
    member this.ChoiceCount = this.actions.Length
    member this.FirstChoice = this.firstChoice
    /// Action of each choice.
    member this.Actions = this.actions
    /// Expected reward of each choice.
    member this.Rewards = this.rewards
    member this.FirstSuccessor = this.firstSuccessor
    /// State of each successor.
    member this.Successors = this.successors
    /// Probability of each successor.
    member this.Probabilities = this.probabilities
    /// Whether every choice leads to one state with certainty. Choice k then leads to `Successors[k]`.
    member this.IsDeterministic = this.successors.Length = this.actions.Length

/// A deterministic policy of a finite model: the number of the choice it makes in each state.
type FinitePolicy = int[]

[<RequireQualifiedAccess>]
module FiniteModel =

    let private checkChoice stateCount state (choice: Choice) =
        let total = choice.Successors |> Array.sumBy _.Probability
        let place = $"state {state}, action {choice.Action}"

        if not (Double.IsFinite choice.Reward) then
            Error $"{place}: the reward is {choice.Reward}; expected a finite number"
        elif
            choice.Successors
            |> Array.exists (fun s -> s.State < 0 || s.State >= stateCount)
        then
            Error $"{place}: a successor is not a state of the model; expected 0 to {stateCount - 1}"
        elif choice.Successors |> Array.exists (fun s -> not (s.Probability > 0.0)) then
            Error $"{place}: a probability is not above 0"
        elif not (abs (total - 1.0) <= 1e-9) then
            Error $"{place}: the probabilities sum to {total}; expected 1"
        else
            Ok()

    let private checkState stateCount state (choices: Choice[]) =
        let inOrder =
            choices |> Array.pairwise |> Array.forall (fun (a, b) -> a.Action < b.Action)

        if choices.Length = 0 then
            Error $"state {state} has no admissible action"
        elif not inOrder then
            Error $"state {state}: actions are not in ascending order, each once"
        else
            choices
            |> Array.tryPick (fun choice ->
                match checkChoice stateCount state choice with
                | Ok() -> None
                | Error message -> Some message)
            |> Option.map Error
            |> Option.defaultValue (Ok())

    let private offsets (lengths: int[]) = Array.scan (+) 0 lengths

    /// The model whose state s has the choices `choices[s]`, each list by ascending action and not empty.
    let create (choices: Choice[][]) =
        let faults =
            choices
            |> Seq.mapi (checkState choices.Length)
            |> Seq.tryPick (function
                | Error message -> Some message
                | Ok() -> None)

        match faults with
        | _ when choices.Length = 0 -> Error "a model needs at least one state"
        | Some message -> Error message
        | None ->
            let flat = Array.concat choices
            let successors = flat |> Array.collect _.Successors

            Ok
                {
                    firstChoice = offsets (choices |> Array.map _.Length)
                    actions = flat |> Array.map _.Action
                    rewards = flat |> Array.map _.Reward
                    firstSuccessor = offsets (flat |> Array.map _.Successors.Length)
                    successors = successors |> Array.map _.State
                    probabilities = successors |> Array.map _.Probability
                }

    /// Tabulates a deterministic system model over a list of states that no action leaves.
    /// `stateIndex` and `actionIndex` number the states as listed and the actions in ascending order.
    let tabulate
        (model: ISystemModel<'state, 'action>)
        (states: 'state[])
        (stateIndex: 'state -> int)
        (actionIndex: 'action -> int)
        =
        let choice state action =
            let transition = model.Sample(state, action, RandomKey 0UL)

            {
                Action = actionIndex action
                Reward = transition.Reward
                Successors =
                    [|
                        {
                            State = stateIndex transition.Next
                            Probability = 1.0
                        }
                    |]
            }

        states
        |> Array.map (fun state -> model.AdmissibleActions state |> Seq.map (choice state) |> Seq.toArray)
        |> create

    /// The choice of a state that takes this action, if it is admissible there.
    let tryChoice (model: FiniteModel) state action =
        let first = model.firstChoice[state]

        let index =
            Array.BinarySearch(model.actions, first, model.firstChoice[state + 1] - first, action)

        if index >= 0 then ValueSome index else ValueNone
