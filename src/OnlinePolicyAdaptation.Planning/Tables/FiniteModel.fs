namespace OnlinePolicyAdaptation.Planning

open System
open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

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
            box: BoxModel voption
            cancellation: CancellationToken
        }

    member this.StateCount = this.firstChoice.Length - 1
    member this.ChoiceCount = this.actions.Length
    /// Of each state the number of its first choice, and at the end the number of choices.
    member this.FirstChoice = this.firstChoice
    /// Action of each choice.
    member this.Actions = this.actions
    /// Expected reward of each choice.
    member this.Rewards = this.rewards
    /// Of each choice the number of its first successor, and at the end the number of successors.
    member this.FirstSuccessor = this.firstSuccessor
    /// State of each successor.
    member this.Successors = this.successors
    /// Probability of each successor.
    member this.Probabilities = this.probabilities
    /// Whether every choice leads to one state with certainty. Choice k then leads to `Successors[k]`.
    member this.IsDeterministic = this.successors.Length = this.actions.Length
    /// The same model as a box, where it is one: maxima over the choices of a state are then cheap.
    member internal this.Box = this.box

    /// Ends what is computed on this model, with an OperationCanceledException, once its token is cancelled.
    member internal this.ThrowIfCancelled() =
        this.cancellation.ThrowIfCancellationRequested()

    member internal this.Cancellation = this.cancellation

[<RequireQualifiedAccess>]
module FiniteModel =

    /// The same model, for computations that end soon after the token is cancelled, with an OperationCanceledException.
    let until cancellation (model: FiniteModel) =
        { model with
            cancellation = cancellation
        }

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
                    box = ValueNone
                    cancellation = CancellationToken.None
                }

    /// A process without decisions as a model with one choice in each state, from arrays that are not copied.
    let internal ofProcess rewards firstSuccessor successors probabilities cancellation =
        let count = Array.length rewards

        {
            firstChoice = Array.init (count + 1) id
            actions = Array.zeroCreate count
            rewards = rewards
            firstSuccessor = firstSuccessor
            successors = successors
            probabilities = probabilities
            box = ValueNone
            cancellation = cancellation
        }

    /// The actions of a state of a box model and the states they lead to, by ascending action, written to the front of
    /// two arrays; returns how many they are. An action's digits are down, keep, up, the last control fastest.
    let private boxMoves (edge: GridEdge) (levels: int[]) state (actions: int[]) (nexts: int[]) =
        let mutable stride = Array.fold (*) 1 levels
        let mutable count = 1
        let mutable rest = state
        actions[0] <- 0
        nexts[0] <- 0

        for control in 0 .. levels.Length - 1 do
            stride <- stride / levels[control]
            let level = rest / stride
            rest <- rest % stride
            let last = levels[control] - 1

            // From the back, so that each entry is read before the three it turns into overwrite it.
            let masksDown = edge = GridEdge.Mask && level = 0
            let masksUp = edge = GridEdge.Mask && level = last
            let width = 3 - (if masksDown then 1 else 0) - (if masksUp then 1 else 0)

            for k in count - 1 .. -1 .. 0 do
                let action = actions[k] * 3
                let next = nexts[k]
                let mutable at = k * width

                for move in -1 .. 1 do
                    if not (move < 0 && masksDown || move > 0 && masksUp) then
                        actions[at] <- action + move + 1
                        nexts[at] <- next + stride * (min last (max 0 (level + move)))
                        at <- at + 1

            count <- count * width

        count

    /// The model in which every control of a box moves by one level at most. Algorithms find the same values and make
    /// the same choices as on the model's choices listed one by one, only sooner.
    let ofBoxUntil (cancellation: CancellationToken) (edge: GridEdge) (box: BoxModel) =
        let stateCount = box.StateCount
        let most = pown ControlAction.ChoicesPerControl box.Levels.Length
        let firstChoice = Array.zeroCreate<int>(stateCount + 1)
        // No more than an array holds, as a box model has been checked for.
        let actions =
            Array.zeroCreate<int>(int (ProblemSize.ofLevels edge box.Levels).Pairs)

        let rewards = Array.zeroCreate<float> actions.Length
        let successors = Array.zeroCreate<int> actions.Length
        let moves = Array.zeroCreate<int> most
        let nexts = Array.zeroCreate<int> most

        for state in 0 .. stateCount - 1 do
            cancellation.ThrowIfCancellationRequested()
            let first = firstChoice[state]
            let count = boxMoves edge box.Levels state moves nexts
            firstChoice[state + 1] <- first + count
            Array.blit moves 0 actions first count
            Array.blit nexts 0 successors first count

            for k in first .. first + count - 1 do
                rewards[k] <- box.Reward(state, successors[k])

        {
            firstChoice = firstChoice
            actions = actions
            rewards = rewards
            firstSuccessor = Array.init (actions.Length + 1) id
            successors = successors
            probabilities = Array.create actions.Length 1.0
            box = ValueSome box
            cancellation = cancellation
        }

    let ofBox edge box =
        ofBoxUntil CancellationToken.None edge box

    /// Estimates a system model by sampling each choice `samples` >= 1 times, over a list of states that no action leaves:
    /// rewards are averages and probabilities are shares. Sample i of every choice is drawn with child i of the key.
    /// `stateIndex` and `actionIndex` number the states as listed and the actions in ascending order.
    let tabulateBySampling
        samples
        (key: RandomKey)
        (model: ISystemModel<'state, 'action>)
        (states: 'state[])
        (stateIndex: 'state -> int)
        (actionIndex: 'action -> int)
        =
        let choice state action =
            let drawn =
                Array.init samples (fun i -> model.Sample(state, action, key.Split(i: int)))

            {
                Action = actionIndex action
                Reward = drawn |> Array.averageBy _.Reward
                Successors =
                    drawn
                    |> Array.countBy (fun transition -> stateIndex transition.Next)
                    |> Array.sortBy fst
                    |> Array.map (fun (next, count) ->
                        {
                            State = next
                            Probability = float count / float samples
                        })
            }

        states
        |> Array.map (fun state -> model.AdmissibleActions state |> Seq.map (choice state) |> Seq.toArray)
        |> create

    /// Tabulates a deterministic system model, of which one sample is the outcome.
    let tabulate (model: ISystemModel<'state, 'action>) states stateIndex actionIndex =
        tabulateBySampling 1 (RandomKey 0UL) model states stateIndex actionIndex

    /// The choice of a state that takes this action, if it is admissible there.
    let tryChoice (model: FiniteModel) state action =
        let first = model.firstChoice[state]

        let index =
            Array.BinarySearch(model.actions, first, model.firstChoice[state + 1] - first, action)

        if index >= 0 then ValueSome index else ValueNone

    /// The model as a system model over state and action numbers: transitions are drawn by key.
    let sampled (model: FiniteModel) =
        let choices =
            Array.init model.StateCount (fun s ->
                Array.sub model.actions model.firstChoice[s] (model.firstChoice[s + 1] - model.firstChoice[s]))

        { new ISystemModel<int, int> with
            member _.AdmissibleActions state = choices[state]

            member _.Sample(state, action, key) =
                model.ThrowIfCancelled()

                match tryChoice model state action with
                | ValueNone -> invalidArg (nameof action) $"action {action} is not admissible in state {state}"
                | ValueSome choice ->
                    let last = model.firstSuccessor[choice + 1] - 1
                    let mutable k = model.firstSuccessor[choice]

                    if k < last then
                        let mutable sequence = key.Sequence()
                        let mutable rest = sequence.NextDouble() - model.probabilities[k]

                        while rest >= 0.0 && k < last do
                            k <- k + 1
                            rest <- rest - model.probabilities[k]

                    Transition(model.successors[k], model.rewards[choice])
        }
