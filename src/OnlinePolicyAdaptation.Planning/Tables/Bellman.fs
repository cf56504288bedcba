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
    let first = model.FirstChoice[state]
    let last = model.FirstChoice[state + 1] - 1
    let mutable best = first
    let mutable bestQ = -infinity

    if model.IsDeterministic then
        let rewards = model.Rewards
        let successors = model.Successors

        for choice in first..last do
            let q = rewards[choice] + gamma * values[successors[choice]]

            if q > bestQ then
                best <- choice
                bestQ <- q
    else
        for choice in first..last do
            let q = qFactor model gamma values choice

            if q > bestQ then
                best <- choice
                bestQ <- q

    struct (best, bestQ)

/// The first choice of a state whose Q-factor is this one, known to be the largest.
let internal firstChoiceOf (model: FiniteModel) gamma (values: float[]) state q =
    let mutable choice = model.FirstChoice[state]

    while qFactor model gamma values choice < q do
        choice <- choice + 1

    choice

/// A function that computes T J for all states: `optimalityInto model gamma values target`. Apply it to a model once and
/// to arrays often: it then allocates nothing more.
let internal optimalityInto (model: FiniteModel) gamma =
    match model.Box with
    | ValueSome box ->
        let work = BoxModel.scratch box

        fun values target ->
            model.ThrowIfCancelled()
            BoxModel.optimality box gamma work values target
    | ValueNone ->
        fun values (target: float[]) ->
            for state in 0 .. target.Length - 1 do
                model.ThrowIfCancelled()
                let struct (_, q) = bestChoice model gamma values state
                target[state] <- q

/// Q_J(s, a) of every admissible action of a state, in the order of its choices.
let qFactors (model: FiniteModel) (discount: Discount) (values: float[]) state =
    let gamma = discount.Value
    let first = model.FirstChoice[state]
    let q = Array.zeroCreate<float>(model.FirstChoice[state + 1] - first)

    for i in 0 .. q.Length - 1 do
        q[i] <- qFactor model gamma values (first + i)

    q

/// (T J)(s) for every state.
let optimality (model: FiniteModel) (discount: Discount) (values: float[]) =
    let result = Array.zeroCreate<float> model.StateCount
    optimalityInto model discount.Value values result
    result

/// (T_mu J)(s) for every state.
let ofPolicy (model: FiniteModel) (discount: Discount) (policy: FinitePolicy) (values: float[]) =
    let result = Array.zeroCreate<float> policy.Length

    model.ThrowIfCancelled()

    for state in 0 .. result.Length - 1 do
        result[state] <- qFactor model discount.Value values policy[state]

    result

/// (T^count J)(s) for every state; J itself where `count` is 0.
let iterated (model: FiniteModel) (discount: Discount) count (values: float[]) =
    let apply = optimalityInto model discount.Value
    let mutable source = values
    let mutable target = Array.zeroCreate<float> values.Length
    let mutable spare = Array.zeroCreate<float> values.Length

    for _ in 1..count do
        apply source target
        source <- target
        target <- spare
        spare <- source

    source

/// The policy that is greedy with respect to J: in each state the first action of largest Q_J.
let greedy (model: FiniteModel) (discount: Discount) (values: float[]) : FinitePolicy =
    let largest = optimality model discount values

    Array.init model.StateCount (fun state ->
        model.ThrowIfCancelled()
        firstChoiceOf model discount.Value values state largest[state])
