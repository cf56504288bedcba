namespace OnlinePolicyAdaptation.Planning

open System
open System.Numerics

/// How a sweep of value iteration or policy evaluation uses the values it computes.
[<RequireQualifiedAccess>]
type Sweeps =
    /// In place, in state order: later states see the new values of earlier ones.
    | GaussSeidel
    /// Synchronous: every state sees the values of the sweep before.
    | Jacobi

/// The values that sweeps stopped at, and how far from their limit they can be.
type SweptValues =
    {
        Values: float[]
        /// The largest change of a value in each sweep, first to last.
        Changes: float[]
        /// Every value is within this of the limit: gamma/(1 - gamma) times the last change.
        ErrorBound: float
    }

/// Repeated sweeps of an operator that contracts by gamma in the maximum norm.
[<RequireQualifiedAccess>]
module internal Sweeping =

    /// The largest change between two arrays of values.
    let largestChange (before: float[]) (after: float[]) =
        let mutable largest = 0.0

        for i in 0 .. before.Length - 1 do
            let change = abs (after[i] - before[i])

            if change > largest then
                largest <- change

        largest

    /// Half the distance from 1 to the next larger float.
    let private machineEpsilon = 2.0 ** -53.0

    let private largestSize (values: float[]) =
        let mutable largest = 0.0

        for value in values do
            if abs value > largest then
                largest <- abs value

        largest

    /// Runs `sweep source target`, which fills the target (the source itself where `inPlace`) and returns the largest
    /// change, until a change is below theta or below what rounding alone can cause. Between two sweeps `between source
    /// target` may carry the target further.
    let untilBelow theta gamma (start: float[]) inPlace (sweep: float[] -> float[] -> float) between =
        if not (theta > 0.0) then
            invalidArg (nameof theta) $"the threshold theta is {theta}; expected a number above 0"

        let rounding = 64.0 * machineEpsilon / (1.0 - gamma)
        let changes = ResizeArray<float>()
        let mutable source = if inPlace then start else Array.zeroCreate start.Length
        let mutable values = start
        let mutable change = infinity

        while change >= theta && not (change <= rounding * largestSize values) do
            if changes.Count > 0 then
                between source values

            let target = if inPlace then values else source
            source <- values
            change <- sweep source target
            changes.Add change
            values <- target

        {
            Values = values
            Changes = changes.ToArray()
            ErrorBound = gamma / (1.0 - gamma) * change
        }

/// The value function J_mu of a policy on a finite model.
[<RequireQualifiedAccess>]
module PolicyEvaluation =

    /// Where the walk of `onFunctionalGraph` stands with a state.
    [<RequireQualifiedAccess>]
    type private Mark =
        | New = 0uy
        | OnPath = 1uy
        | Done = 2uy

    /// Exact values where every step leads to one state: the states form a functional graph, in which each path ends in
    /// a cycle. On a cycle J(s) = (r_0 + gamma r_1 + ..) / (1 - gamma^length); elsewhere J follows from the successor.
    /// Time linear in the number of states.
    let private onFunctionalGraph gamma (chain: RewardProcess) =
        let next = chain.Successors
        let reward = chain.Rewards
        let count = next.Length
        let values = Array.zeroCreate<float> count
        let marks = Array.zeroCreate<Mark> count
        let path = Array.zeroCreate<int> count

        for start in 0 .. count - 1 do
            chain.ThrowIfCancelled()
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

    /// row <- row - factor pivotRow, from a column to the end of the pivot's row, which is no longer.
    let private subtract (factor: float) (pivotRow: float[]) first (row: float[]) =
        let width = Vector<float>.Count
        let factors = Vector<float> factor
        let mutable column = first

        while column + width <= pivotRow.Length do
            (Vector(row, column) - factors * Vector(pivotRow, column)).CopyTo(row, column)
            column <- column + width

        while column < pivotRow.Length do
            row[column] <- row[column] - factor * pivotRow[column]
            column <- column + 1

    /// Of each state the last state that it or one before it may lead to, itself included: where its row of the matrix ends,
    /// and still ends once the rows before it are eliminated.
    let private ends (chain: RewardProcess) =
        let ends = Array.zeroCreate<int> chain.StateCount
        let mutable last = 0

        for s in 0 .. ends.Length - 1 do
            last <- max last s

            for k in chain.FirstSuccessor[s] .. chain.FirstSuccessor[s + 1] - 1 do
                last <- max last chain.Successors[k]

            ends[s] <- last

        ends

    /// Exact values in general: (I - gamma P) J = r by Gaussian elimination, row by row. The matrix is strictly diagonally
    /// dominant by rows, so no pivoting is needed. Rows end where nothing but zeros would follow: time grows with the states
    /// times the square of how far apart the numbers of a state and its successors are.
    let private byLinearSolve gamma (chain: RewardProcess) (ends: int[]) =
        let count = chain.StateCount
        let a = Array.zeroCreate<float[]> count
        let values = Array.copy chain.Rewards

        for s in 0 .. count - 1 do
            chain.ThrowIfCancelled()
            let row = Array.zeroCreate<float>(ends[s] + 1)
            a[s] <- row
            let mutable first = s
            row[s] <- 1.0

            for k in chain.FirstSuccessor[s] .. chain.FirstSuccessor[s + 1] - 1 do
                let t = chain.Successors[k]
                row[t] <- row[t] - gamma * chain.Probabilities[k]
                first <- min first t

            for pivot in first .. s - 1 do
                let factor = row[pivot] / a[pivot][pivot]

                if factor <> 0.0 then
                    subtract factor a[pivot] (pivot + 1) row
                    values[s] <- values[s] - factor * values[pivot]

        for s in count - 1 .. -1 .. 0 do
            let row = a[s]

            for column in s + 1 .. row.Length - 1 do
                values[s] <- values[s] - row[column] * values[column]

            values[s] <- values[s] / row[s]

        values

    /// J_mu by sweeps J <- T_mu J from J = 0, until the largest change is below `theta`, which is above 0.
    let bySweeps sweeps theta (discount: Discount) (chain: RewardProcess) =
        let gamma = discount.Value

        let sweep (source: float[]) (target: float[]) =
            chain.ThrowIfCancelled()
            let mutable largest = 0.0

            for s in 0 .. source.Length - 1 do
                let mutable expected = 0.0

                for k in chain.FirstSuccessor[s] .. chain.FirstSuccessor[s + 1] - 1 do
                    expected <- expected + chain.Probabilities[k] * source[chain.Successors[k]]

                let value = chain.Rewards[s] + gamma * expected
                largest <- max largest (abs (value - source[s]))
                target[s] <- value

            largest

        Sweeping.untilBelow
            theta
            gamma
            (Array.zeroCreate chain.StateCount)
            (sweeps = Sweeps.GaussSeidel)
            sweep
            (fun _ _ -> ())

    /// Smaller than any change of a value: sweeps go on until rounding alone is left.
    let private toRounding = Double.Epsilon

    /// The value of every state of a reward process, exact but for rounding. Linear time where every state has one successor.
    /// Otherwise the equations are solved, in up to cubic time, as long as their matrix takes no more than `bytes`; a larger
    /// process is swept until nothing but rounding changes.
    let exactWithin (bytes: int64) (discount: Discount) (chain: RewardProcess) =
        if chain.IsDeterministic then
            onFunctionalGraph discount.Value chain
        else
            let ends = ends chain
            let cells = ends |> Array.sumBy (fun last -> int64 last + 1L)

            if cells * int64 sizeof<float> <= bytes then
                byLinearSolve discount.Value chain ends
            else
                (bySweeps Sweeps.GaussSeidel toRounding discount chain).Values

    /// The same, with as much memory as the tables of a problem may take.
    let exactOf discount chain =
        exactWithin ProblemSize.mostBytes discount chain

    /// J_mu, exact but for rounding. A deterministic model costs linear time, another one up to cubic time.
    let exact (model: FiniteModel) (discount: Discount) (policy: FinitePolicy) =
        RewardProcess.ofPolicy model policy |> exactOf discount

    /// What a policy does on a deterministic model: the states of its first `steps` steps, from the given one to the last
    /// reached, and the reward of each step, not discounted. Of several successors the first is followed.
    let path (model: FiniteModel) (policy: FinitePolicy) steps (start: int) =
        let choices =
            (policy[start], [| 2..steps |])
            ||> Array.scan (fun choice _ -> policy[model.Successors[model.FirstSuccessor[choice]]])
            |> Array.truncate steps

        let states =
            choices
            |> Array.map (fun choice -> model.Successors[model.FirstSuccessor[choice]])

        Array.append [| start |] states, choices |> Array.map (fun choice -> model.Rewards[choice])
