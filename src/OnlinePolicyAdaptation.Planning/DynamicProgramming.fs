namespace OnlinePolicyAdaptation.Planning

/// How a sweep of value iteration uses the values it computes.
[<RequireQualifiedAccess>]
type Sweeps =
    /// In place, in state order: later states see the new values of earlier ones.
    | GaussSeidel
    /// Synchronous: every state sees the values of the sweep before.
    | Jacobi

/// The values that value iteration stopped at, and how far from the optimum they can be.
type ValueIteration =
    {
        Values: float[]
        /// The largest change of a value in each sweep, first to last.
        Changes: float[]
        /// Every value is within this of J*: gamma/(1 - gamma) times the last change.
        ErrorBound: float
    }

/// An optimal policy with its exact value.
type PolicyIteration =
    {
        Policy: FinitePolicy
        Values: float[]
        /// Number of policies evaluated.
        Iterations: int
    }

/// Exact solutions of a finite model. (Puterman, Markov Decision Processes, 1994, chapter 6.)
[<RequireQualifiedAccess>]
module DynamicProgramming =

    let private sweep model gamma (source: float[]) (target: float[]) =
        let mutable change = 0.0

        for state in 0 .. source.Length - 1 do
            let before = source[state]
            let struct (_, q) = Bellman.bestChoice model gamma source state
            target[state] <- q
            change <- max change (abs (q - before))

        change

    /// Sweeps J <- T J from J = 0 until the largest change is below `theta`, which is above 0.
    let valueIteration sweeps theta (model: FiniteModel) (discount: Discount) =
        let gamma = discount.Value
        let changes = ResizeArray<float>()
        let mutable values = Array.zeroCreate<float> model.StateCount

        let mutable other =
            match sweeps with
            | Sweeps.GaussSeidel -> values
            | Sweeps.Jacobi -> Array.zeroCreate model.StateCount

        let mutable change = infinity

        while change >= theta do
            change <- sweep model gamma values other
            changes.Add change
            let previous = values
            values <- other
            other <- previous

        {
            Values = values
            Changes = changes.ToArray()
            ErrorBound = gamma / (1.0 - gamma) * change
        }

    /// The improved policy: in each state the first best choice, unless the policy's own is as good up to rounding.
    let private improve model gamma (values: float[]) (policy: FinitePolicy) : FinitePolicy =
        Array.init policy.Length (fun state ->
            let struct (best, bestQ) = Bellman.bestChoice model gamma values state
            let own = Bellman.qFactor model gamma values policy[state]
            let rounding = 1e-12 * (1.0 + abs bestQ)
            if bestQ > own + rounding then best else policy[state])

    /// Evaluates and improves in turn, from the policy that is greedy for the immediate reward, until nothing improves.
    let policyIteration (model: FiniteModel) (discount: Discount) =
        let rec iterate policy iterations =
            let values = PolicyEvaluation.exact model discount policy
            let improved = improve model discount.Value values policy

            if improved = policy then
                {
                    Policy = policy
                    Values = values
                    Iterations = iterations
                }
            else
                iterate improved (iterations + 1)

        iterate (Bellman.greedy model discount (Array.zeroCreate model.StateCount)) 1
