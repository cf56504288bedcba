namespace OnlinePolicyAdaptation.Planning

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

    let private gaussSeidelSweep (model: FiniteModel) gamma (values: float[]) =
        let mutable largest = 0.0

        for state in 0 .. values.Length - 1 do
            model.ThrowIfCancelled()
            let struct (_, q) = Bellman.bestChoice model gamma values state
            largest <- max largest (abs (q - values[state]))
            values[state] <- q

        largest

    let private jacobiSweep model gamma =
        let apply = Bellman.optimalityInto model gamma

        fun source target ->
            apply source target
            Sweeping.largestChange source target

    /// Sweeps J <- T J from J = 0 until the largest change is below `theta`, which is above 0. (Puterman, 6.3.)
    let valueIteration sweeps theta (model: FiniteModel) (discount: Discount) =
        let gamma = discount.Value
        let start = Array.zeroCreate<float> model.StateCount

        match sweeps with
        | Sweeps.GaussSeidel ->
            Sweeping.untilBelow theta gamma start true (fun values _ -> gaussSeidelSweep model gamma values) (fun _ _ ->
                ())
        | Sweeps.Jacobi -> Sweeping.untilBelow theta gamma start false (jacobiSweep model gamma) (fun _ _ -> ())

    /// The improved policy: in each state the first best choice, unless the policy's own is as good up to rounding.
    let private improve
        (model: FiniteModel)
        (discount: Discount)
        (values: float[])
        (policy: FinitePolicy)
        : FinitePolicy =
        let gamma = discount.Value
        let largest = Bellman.optimality model discount values

        Array.init policy.Length (fun state ->
            model.ThrowIfCancelled()
            let own = Bellman.qFactor model gamma values policy[state]
            let rounding = 1e-12 * (1.0 + abs largest[state])

            if largest[state] > own + rounding then
                Bellman.firstChoiceOf model gamma values state largest[state]
            else
                policy[state])

    /// Evaluates and improves in turn, from a given policy, until nothing improves. (Puterman, 6.4.)
    let policyIterationFrom (start: FinitePolicy) (model: FiniteModel) (discount: Discount) =
        let rec iterate policy iterations =
            let values = PolicyEvaluation.exact model discount policy
            let improved = improve model discount values policy

            if improved = policy then
                {
                    Policy = policy
                    Values = values
                    Iterations = iterations
                }
            else
                iterate improved (iterations + 1)

        iterate start 1

    /// Policy iteration from the policy that is greedy for the immediate reward.
    let policyIteration (model: FiniteModel) (discount: Discount) =
        policyIterationFrom (Bellman.greedy model discount (Array.zeroCreate model.StateCount)) model discount

    /// Modified policy iteration from J = 0: between two sweeps J <- T J there are `evaluations` >= 0 sweeps J <- T_mu J
    /// of the greedy policy, until T changes no value by `theta` or more. All sweeps are synchronous: with sweeps in place
    /// it may cycle for ever from a start that T does not raise. (Puterman, 6.5; Williams and Baird, Analysis of some
    /// incremental variants of policy iteration, 1993.)
    let modifiedPolicyIteration evaluations theta (model: FiniteModel) (discount: Discount) =
        let gamma = discount.Value
        let policy = Array.sub model.FirstChoice 0 model.StateCount
        let evaluated = Array.zeroCreate<float> model.StateCount

        let evaluate (before: float[]) (values: float[]) =
            for state in 0 .. policy.Length - 1 do
                if Bellman.qFactor model gamma before policy[state] < values[state] then
                    policy[state] <- Bellman.firstChoiceOf model gamma before state values[state]

            for _ in 1..evaluations do
                model.ThrowIfCancelled()

                for state in 0 .. policy.Length - 1 do
                    evaluated[state] <- Bellman.qFactor model gamma values policy[state]

                Array.blit evaluated 0 values 0 values.Length

        Sweeping.untilBelow theta gamma (Array.zeroCreate model.StateCount) false (jacobiSweep model gamma) evaluate
