/// The value function J_mu of a policy on a finite model.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.PolicyEvaluation

/// Where the walk of `onFunctionalGraph` stands with a state.
[<RequireQualifiedAccess>]
type private Mark =
    | New = 0uy
    | OnPath = 1uy
    | Done = 2uy

/// Exact values where every step leads to one state: the states form a functional graph, in which each path ends in
/// a cycle. On a cycle J(s) = (r_0 + gamma r_1 + ..) / (1 - gamma^length); elsewhere J follows from the successor.
/// Time linear in the number of states.
let private onFunctionalGraph gamma (next: int[]) (reward: float[]) =
    let count = next.Length
    let values = Array.zeroCreate<float> count
    let marks = Array.create count Mark.New
    let path = Array.zeroCreate<int> count

    for start in 0 .. count - 1 do
        let mutable length = 0
        let mutable state = start

        while marks[state] = Mark.New do
            marks[state] <- Mark.OnPath
            path[length] <- state
            length <- length + 1
            state <- next[state]

        if marks[state] = Mark.OnPath then
            let mutable total = 0.0
            let mutable weight = 1.0
            let mutable s = state
            let mutable closed = false

            while not closed do
                total <- total + weight * reward[s]
                weight <- weight * gamma
                s <- next[s]
                closed <- (s = state)

            values[state] <- total / (1.0 - weight)
            marks[state] <- Mark.Done

        for i in length - 1 .. -1 .. 0 do
            let s = path[i]

            if marks[s] = Mark.OnPath then
                values[s] <- reward[s] + gamma * values[next[s]]
                marks[s] <- Mark.Done

    values

/// Exact values in general: (I - gamma P) J = r by Gaussian elimination. The matrix is strictly diagonally dominant
/// by rows, so no pivoting is needed. Time cubic in the number of states.
let private byLinearSolve gamma (model: FiniteModel) (policy: FinitePolicy) =
    let count = policy.Length
    let a = Array.init count (fun _ -> Array.zeroCreate<float> count)
    let values = policy |> Array.map (fun choice -> model.Rewards[choice])

    for s in 0 .. count - 1 do
        a[s][s] <- 1.0

        for k in model.FirstSuccessor[policy[s]] .. model.FirstSuccessor[policy[s] + 1] - 1 do
            let t = model.Successors[k]
            a[s][t] <- a[s][t] - gamma * model.Probabilities[k]

    for pivot in 0 .. count - 1 do
        for row in pivot + 1 .. count - 1 do
            let factor = a[row][pivot] / a[pivot][pivot]

            if factor <> 0.0 then
                for column in pivot .. count - 1 do
                    a[row][column] <- a[row][column] - factor * a[pivot][column]

                values[row] <- values[row] - factor * values[pivot]

    for row in count - 1 .. -1 .. 0 do
        for column in row + 1 .. count - 1 do
            values[row] <- values[row] - a[row][column] * values[column]

        values[row] <- values[row] / a[row][row]

    values

/// J_mu, exact but for rounding. A deterministic model costs linear time, another one cubic.
let exact (model: FiniteModel) (discount: Discount) (policy: FinitePolicy) =
    if model.IsDeterministic then
        onFunctionalGraph
            discount.Value
            (policy |> Array.map (fun choice -> model.Successors[choice]))
            (policy |> Array.map (fun choice -> model.Rewards[choice]))
    else
        byLinearSolve discount.Value model policy
