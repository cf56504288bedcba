namespace OnlinePolicyAdaptation.Planning

/// What a planner found for one state.
type LookaheadDecision =
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
/// Work: the states within reach, each once per step; never all sequences of actions.
[<RequireQualifiedAccess>]
module Lookahead =

    /// The states that some action of these states leads to, each once. `marks` holds for each state the last step at
    /// which it was found.
    let private successors (model: FiniteModel) (marks: int[]) step (states: ResizeArray<int>) =
        let found = ResizeArray<int>()

        for s in states do
            model.ThrowIfCancelled()

            for k in model.FirstSuccessor[model.FirstChoice[s]] .. model.FirstSuccessor[model.FirstChoice[s + 1]] - 1 do
                let next = model.Successors[k]

                if marks[next] < step then
                    marks[next] <- step
                    found.Add next

        found

    /// T^steps J at the successors of a state, on the states within reach. What the array holds elsewhere has no meaning.
    let private onReach (model: FiniteModel) gamma steps (terminal: float[]) state =
        let marks = Array.zeroCreate<int> model.StateCount

        // layers[k]: the states that may be the current one after k + 1 steps
        let layers =
            [| 1..steps |]
            |> Array.mapFold
                (fun states step ->
                    let next = successors model marks step states
                    next, next)
                (ResizeArray [ state ])
            |> fst

        let mutable source = terminal
        let mutable target = Array.zeroCreate<float> model.StateCount
        let mutable spare = Array.zeroCreate<float> model.StateCount

        for step in steps - 1 .. -1 .. 0 do
            for s in layers[step] do
                model.ThrowIfCancelled()
                let struct (_, q) = Bellman.bestChoice model gamma source s
                target[s] <- q

            source <- target
            target <- spare
            spare <- source

        source

    /// The Q-factors of a state of a box model with values T^steps J, on the box of states within reach.
    let private qFactorsOnBox
        (model: FiniteModel)
        (box: BoxModel)
        (discount: Discount)
        steps
        (terminal: float[])
        state
        =
        let region = BoxModel.around box (steps + 1) state
        let part = region.States |> Array.map (fun s -> terminal[s])
        let mutable values = part

        let apply =
            BoxModel.optimality region.Model discount.Value (BoxModel.scratch region.Model)

        // At the rim of the region too few neighbours are seen, which is wrong there and never gets to the successors.
        for _ in 1..steps do
            model.ThrowIfCancelled()
            apply values values

        let first = model.FirstChoice[state]

        Array.init (model.FirstChoice[state + 1] - first) (fun i ->
            let next = BoxModel.indexIn box region model.Successors[first + i]
            model.Rewards[first + i] + discount.Value * values[next])

    /// The Q-factor of every admissible action of a state under T^(horizon-1) J, in the order of its choices.
    let qFactors (model: FiniteModel) (discount: Discount) horizon (terminal: float[]) state =
        if horizon < 1 then
            invalidArg (nameof horizon) $"the horizon is {horizon}; expected at least 1"

        match model.Box with
        | _ when horizon = 1 -> Bellman.qFactors model discount terminal state
        | ValueSome box -> qFactorsOnBox model box discount (horizon - 1) terminal state
        | ValueNone -> Bellman.qFactors model discount (onReach model discount.Value (horizon - 1) terminal state) state

    /// The position among a state's Q-factors of the largest that is allowed, by the number of its choice, of which there is
    /// one at least. Among equal ones the `preferred` action wins, then the smallest number.
    let internal best (model: FiniteModel) (qFactors: float[]) (allows: int -> bool) (preferred: int voption) state =
        let first = model.FirstChoice[state]
        let mutable chosen = -1

        for i in 0 .. qFactors.Length - 1 do
            if (chosen < 0 || qFactors[i] > qFactors[chosen]) && allows (first + i) then
                chosen <- i

        match preferred |> ValueOption.bind (FiniteModel.tryChoice model state) with
        | ValueSome choice when allows choice && qFactors[choice - first] = qFactors[chosen] -> choice - first
        | _ -> chosen

    /// The decision in `state` with horizon `horizon` >= 1 and terminal values J. Among actions of equal Q-factor
    /// `preferred` wins, then the smallest number.
    let decide (model: FiniteModel) (discount: Discount) horizon (terminal: float[]) (preferred: int voption) state =
        let q = qFactors model discount horizon terminal state
        let first = model.FirstChoice[state]
        let chosen = best model q (fun _ -> true) preferred state

        {
            State = state
            Action = model.Actions[first + chosen]
            Value = q[chosen]
            Actions = Array.sub model.Actions first q.Length
            QFactors = q
        }

    /// The same, with terminal values as distances.
    let decideRelative (model: FiniteModel) (discount: Discount) horizon (terminal: RelativeValues) preferred state =
        let decision = decide model discount horizon terminal.Distances preferred state
        let qFactor = RelativeValues.qFactor discount horizon terminal

        { decision with
            Value = qFactor decision.Value
            QFactors = decision.QFactors |> Array.map qFactor
        }

    /// The one-step decisions with terminal values in extended numbers. Among actions of equal Q-factor, but for the rounding of
    /// rewards, the smallest number wins.
    let decideExtended (model: FiniteModel) (discount: Discount) (terminal: ExtendedValues) =
        let tolerance = ExtendedBellman.tie * Sweeping.largestSize model.Rewards

        fun state ->
            let first = model.FirstChoice[state]

            let q =
                Array.init (model.FirstChoice[state + 1] - first) (fun i ->
                    ExtendedBellman.qFactor model discount.Value terminal (first + i))

            let best = q |> Array.reduce (fun a b -> if Extended.isLess a b then b else a)
            let chosen = q |> Array.findIndex (fun other -> (best - other).High <= tolerance)

            {
                State = state
                Action = model.Actions[first + chosen]
                Value = q[chosen].High
                Actions = Array.sub model.Actions first q.Length
                QFactors = q |> Array.map _.High
            }

    /// The decisions of all states as a policy, by horizon - 1 sweeps over the whole model; ties go to the smallest
    /// action number.
    let policy (model: FiniteModel) (discount: Discount) horizon (terminal: float[]) : FinitePolicy =
        Bellman.iterated model discount (horizon - 1) terminal
        |> Bellman.greedy model discount

    /// The same, with terminal values as distances, which may be from another number in each state.
    let policyRelative (model: FiniteModel) (discount: Discount) horizon (terminal: RelativeLeaves) : FinitePolicy =
        match terminal.Shared with
        | ValueSome shared -> policy model discount horizon shared.Distances
        | ValueNone ->
            Array.init model.StateCount (fun state ->
                let q = qFactors model discount horizon (terminal.From state).Distances state
                model.FirstChoice[state] + best model q (fun _ -> true) ValueNone state)
