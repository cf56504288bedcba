namespace OnlinePolicyAdaptation.Planning

open System
open System.Numerics

/// The equations (I - gamma P) J = r of a process, eliminated.
type internal Eliminated =
    private
        {
            /// Of each row the factors before the diagonal, and from there on what is left of the row, to where it ends.
            rows: float[][]
            /// Of each row where its factors begin.
            firsts: int[]
        }

/// Exact values in general, by Gaussian elimination. The matrix is strictly diagonally dominant by rows, so no pivoting is needed.
/// Near discount 1 it is so by little: diagonals are therefore never computed by subtraction, but as what the row sums to, which
/// only grows, less the negative rest of the row. Every factor is then right to a few digits less than floats have, whatever the
/// discount. (Grassmann, Taksar and Heyman, Regenerative analysis and steady state distributions for Markov chains, 1985;
/// Alfa, Xue and Ye, Accurate computation of the smallest eigenvalue of a diagonally dominant M-matrix, 2002.)
[<RequireQualifiedAccess>]
module internal LinearEquations =

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

    /// The numbers that the matrix of a process takes.
    let cells (chain: RewardProcess) =
        ends chain |> Array.sumBy (fun last -> int64 last + 1L)

    /// Row by row. Rows end where nothing but zeros would follow: time grows with the states times the square of how far apart
    /// the numbers of a state and its successors are.
    let eliminate (gamma: float) (chain: RewardProcess) =
        let ends = ends chain
        let count = chain.StateCount
        let rows = Array.zeroCreate<float[]> count
        let firsts = Array.zeroCreate<int> count
        // What each row sums to.
        let sums = Array.create count (1.0 - gamma)

        for s in 0 .. count - 1 do
            chain.ThrowIfCancelled()
            let row = Array.zeroCreate<float>(ends[s] + 1)
            rows[s] <- row
            let mutable first = s
            let mutable total = 0.0

            for k in chain.FirstSuccessor[s] .. chain.FirstSuccessor[s + 1] - 1 do
                total <- total + chain.Probabilities[k]

            for k in chain.FirstSuccessor[s] .. chain.FirstSuccessor[s + 1] - 1 do
                let t = chain.Successors[k]
                row[t] <- row[t] - gamma * (chain.Probabilities[k] / total)
                first <- min first t

            firsts[s] <- first

            for pivot in first .. s - 1 do
                if row[pivot] <> 0.0 then
                    let factor = row[pivot] / rows[pivot][pivot]
                    subtract factor rows[pivot] (pivot + 1) row
                    row[pivot] <- factor
                    sums[s] <- sums[s] - factor * sums[pivot]

            let mutable rest = 0.0

            for column in s + 1 .. row.Length - 1 do
                rest <- rest + row[column]

            row[s] <- sums[s] - rest

        { rows = rows; firsts = firsts }

    /// The solution for a right-hand side, which is overwritten with it.
    let private solveInPlace (eliminated: Eliminated) (values: float[]) =
        for s in 0 .. values.Length - 1 do
            let row = eliminated.rows[s]

            for pivot in eliminated.firsts[s] .. s - 1 do
                values[s] <- values[s] - row[pivot] * values[pivot]

        for s in values.Length - 1 .. -1 .. 0 do
            let row = eliminated.rows[s]

            for column in s + 1 .. row.Length - 1 do
                values[s] <- values[s] - row[column] * values[column]

            values[s] <- values[s] / row[s]

    /// Corrections at most.
    let private most = 20

    /// The solution in extended numbers: what the equations leave over is solved for again and added, until that no longer gets
    /// smaller. `residuals values rest` fills in what is left over and returns the largest size of it.
    let solve (chain: RewardProcess) (eliminated: Eliminated) (residuals: ExtendedValues -> float[] -> float) =
        let count = chain.StateCount
        let rest = Array.copy chain.Rewards

        let rec correct (values: ExtendedValues) before round =
            chain.ThrowIfCancelled()
            solveInPlace eliminated rest
            let corrected = ExtendedValues.zero count

            for s in 0 .. count - 1 do
                corrected[s] <- values[s] + Extended.ofFloat rest[s]

            let left = residuals corrected rest

            if not (left < before) then
                struct (values, before)
            elif round = most || left = 0.0 then
                struct (corrected, left)
            else
                correct corrected left (round + 1)

        correct (ExtendedValues.zero count) infinity 1
