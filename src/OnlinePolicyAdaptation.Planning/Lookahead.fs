namespace OnlinePolicyAdaptation.Planning

/// What a planner found for one state.
type Decision =
    {
        State: int
        /// The chosen action.
        Action: int
        /// The Q-factor of the chosen action, the largest of all.
        Value: float
        /// Each admissible action, ascending.
        Actions: int[]
        /// The Q-factor of each of them.
        QFactors: float[]
    }

/// l-step lookahead: the action that maximises the Q-factor of T^(l-1) J. (Bertsekas, Lessons from AlphaZero, 2022.)
[<RequireQualifiedAccess>]
module Lookahead =

    /// The states that some action of these states leads to, ascending, each once.
    let private successors (model: FiniteModel) (states: int[]) =
        states
        |> Array.collect (fun s ->
            let first = model.FirstSuccessor[model.FirstChoice[s]]
            let last = model.FirstSuccessor[model.FirstChoice[s + 1]]
            Array.sub model.Successors first (last - first))
        |> Array.distinct
        |> Array.sort

    /// T^steps J on these states; what the array holds elsewhere has no meaning.
    let rec private backedUp (model: FiniteModel) gamma steps (values: float[]) states =
        if steps = 0 then
            values
        else
            let deeper = backedUp model gamma (steps - 1) values (successors model states)
            let result = Array.copy deeper

            for s in states do
                let struct (_, q) = Bellman.bestChoice model gamma deeper s
                result[s] <- q

            result

    /// The decision in `state` with horizon `horizon` >= 1 and terminal values J. Among actions of equal Q-factor
    /// `preferred` wins, then the smallest number. Work: the states within reach, each once per step.
    let decide (model: FiniteModel) (discount: Discount) horizon (terminal: float[]) (preferred: int voption) state =
        let gamma = discount.Value

        let values =
            backedUp model gamma (horizon - 1) terminal (successors model [| state |])

        let q = Bellman.qFactors model discount values state
        let first = model.FirstChoice[state]
        let value = Array.max q

        let chosen =
            match preferred |> ValueOption.bind (FiniteModel.tryChoice model state) with
            | ValueSome choice when q[choice - first] = value -> choice - first
            | _ -> System.Array.IndexOf(q, value)

        {
            State = state
            Action = model.Actions[first + chosen]
            Value = value
            Actions = Array.sub model.Actions first q.Length
            QFactors = q
        }
