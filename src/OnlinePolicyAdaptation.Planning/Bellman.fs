/// The Bellman operators on a finite model, and the Q-factors they maximise.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.Bellman

/// Q_J(s, a) = r(s, a) + gamma E[J(s')] of one choice.
let inline internal qFactor (model: FiniteModel) gamma (values: float[]) choice =
    let first = model.FirstSuccessor[choice]
    let last = model.FirstSuccessor[choice + 1] - 1
    let mutable expected = 0.0

    for k in first..last do
        expected <- expected + model.Probabilities[k] * values[model.Successors[k]]

    model.Rewards[choice] + gamma * expected

/// The best choice of a state under Q_J; the first of several best ones.
let internal bestChoice (model: FiniteModel) gamma (values: float[]) state =
    let mutable best = model.FirstChoice[state]
    let mutable bestQ = qFactor model gamma values best

    for choice in best + 1 .. model.FirstChoice[state + 1] - 1 do
        let q = qFactor model gamma values choice

        if q > bestQ then
            best <- choice
            bestQ <- q

    struct (best, bestQ)

/// Q_J(s, a) of every admissible action of a state, in the order of its choices.
let qFactors (model: FiniteModel) (discount: Discount) (values: float[]) state =
    let first = model.FirstChoice[state]
    Array.init (model.FirstChoice[state + 1] - first) (fun i -> qFactor model discount.Value values (first + i))

/// (T J)(s) for every state.
let optimality (model: FiniteModel) (discount: Discount) (values: float[]) =
    Array.init model.StateCount (fun state ->
        let struct (_, q) = bestChoice model discount.Value values state
        q)

/// (T_mu J)(s) for every state.
let ofPolicy (model: FiniteModel) (discount: Discount) (policy: FinitePolicy) (values: float[]) =
    policy |> Array.map (qFactor model discount.Value values)

/// The policy that is greedy with respect to J: in each state the first action of largest Q_J.
let greedy (model: FiniteModel) (discount: Discount) (values: float[]) : FinitePolicy =
    Array.init model.StateCount (fun state ->
        let struct (choice, _) = bestChoice model discount.Value values state
        choice)
