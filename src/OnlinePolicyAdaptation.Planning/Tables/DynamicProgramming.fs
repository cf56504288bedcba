namespace OnlinePolicyAdaptation.Planning

/// An optimal policy with its value.
type PolicyIteration =
    {
        Policy: FinitePolicy
        Values: float[]
        /// What rounding took from each value: with it, values are right to more digits than a float has.
        Remainders: float[]
        /// Every value is within this of the optimum, rounding included.
        ErrorBound: float
        /// Whether each policy was evaluated as exactly as numbers allow.
        IsExact: bool
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

    /// Sweeps J <- T J from J = 0. (Puterman, 6.3.)
    let valueIteration sweeps settings (model: FiniteModel) (discount: Discount) =
        let gamma = discount.Value

        Sweeping.run
            settings
            discount
            {
                Model = model
                InPlace = (sweeps = Sweeps.GaussSeidel)
                Sweep =
                    match sweeps with
                    | Sweeps.GaussSeidel -> fun values _ -> gaussSeidelSweep model gamma values
                    | Sweeps.Jacobi -> jacobiSweep model gamma
                Between = fun _ _ -> ()
                BetweenExtended = fun _ _ -> ()
            }

    /// The policy improved in floats: in each state the first best choice, unless the policy's own is as good but for what
    /// rounding can make of floats.
    let private improveInFloats
        (model: FiniteModel)
        (discount: Discount)
        margin
        (values: float[])
        (policy: FinitePolicy)
        : FinitePolicy =
        let gamma = discount.Value
        let largest = Bellman.optimality model discount values

        Array.init policy.Length (fun state ->
            model.ThrowIfCancelled()
            let own = Bellman.qFactor model gamma values policy[state]

            if largest[state] > own + margin then
                Bellman.firstChoiceOf model gamma values state largest[state]
            else
                policy[state])

    /// The policy improved in extended numbers, where an improvement is more than what these can be off, and the largest change
    /// of a value by T.
    let private improve
        (model: FiniteModel)
        (discount: Discount)
        margin
        tolerance
        (values: ExtendedValues)
        (policy: FinitePolicy)
        =
        let gamma = discount.Value
        let mutable change = 0.0

        let improved: FinitePolicy =
            Array.init policy.Length (fun state ->
                model.ThrowIfCancelled()
                let struct (_, best) = ExtendedBellman.best model gamma values margin state
                let gain = best - ExtendedBellman.qFactor model gamma values policy[state]
                let difference: Extended = best - values[state]
                change <- max change (abs difference.High)

                if gain.High > tolerance then
                    ExtendedBellman.firstBest model gamma values margin tolerance state best
                else
                    policy[state])

        struct (improved, change)

    /// Evaluates and improves in turn, from a given policy, until nothing improves: in floats first, then in extended numbers.
    /// What is an improvement for certain is made; after that what is one as far as numbers show, as long as the bound gets
    /// smaller: near discount 1 all values may be off by the same, and their differences by far less. So it ends.
    /// (Puterman, 6.4.)
    let policyIterationFrom (start: FinitePolicy) (model: FiniteModel) (discount: Discount) =
        let rounding = Rounding.ofModel model

        let rec iterate (nearest: PolicyIteration voption) policy iterations =
            let evaluation =
                RewardProcess.ofPolicy model policy |> PolicyEvaluation.evaluate discount

            let values = evaluation.Extended
            let largest = ExtendedValues.largest values
            let margin = 2.0 * (rounding.InFloat largest + evaluation.ErrorBound)
            let improved = improveInFloats model discount margin values.Highs policy

            if improved <> policy then
                iterate nearest improved (iterations + 1)
            else
                let numbers = rounding.InExtended largest

                let improveBy tolerance =
                    improve model discount margin tolerance values policy

                let struct (improved, change) = improveBy (2.0 * (numbers + evaluation.ErrorBound))

                if improved <> policy then
                    iterate nearest improved (iterations + 1)
                else
                    let found =
                        {
                            Policy = policy
                            Values = values.Highs
                            Remainders = values.Lows
                            ErrorBound =
                                (change + 2.0 * numbers) / (1.0 - discount.Value)
                                * (1.0 + 8.0 * Rounding.ofFloat)
                                + ExtendedValues.rounding values
                            IsExact = evaluation.IsExact
                            Iterations = iterations
                        }

                    match nearest with
                    | ValueSome nearest when nearest.ErrorBound <= found.ErrorBound ->
                        { nearest with Iterations = iterations }
                    | _ ->
                        let struct (likely, _) = improveBy (2.0 * numbers)

                        if likely = policy then
                            found
                        else
                            iterate (ValueSome found) likely (iterations + 1)

        iterate ValueNone start 1

    /// Policy iteration from the policy that is greedy for the immediate reward.
    let policyIteration (model: FiniteModel) (discount: Discount) =
        policyIterationFrom (Bellman.greedy model discount (Array.zeroCreate model.StateCount)) model discount

    /// Modified policy iteration from J = 0: between two sweeps J <- T J there are `evaluations` >= 0 sweeps J <- T_mu J
    /// of the greedy policy. All sweeps are synchronous: with sweeps in place
    /// it may cycle for ever from a start that T does not raise. (Puterman, 6.5; Williams and Baird, Analysis of some
    /// incremental variants of policy iteration, 1993.)
    let modifiedPolicyIteration evaluations settings (model: FiniteModel) (discount: Discount) =
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

        let spare = ExtendedValues.zero model.StateCount

        let evaluateExtended (policy: int[]) (values: ExtendedValues) =
            for _ in 1..evaluations do
                model.ThrowIfCancelled()

                for state in 0 .. policy.Length - 1 do
                    spare[state] <- ExtendedBellman.qFactor model gamma values policy[state]

                Array.blit spare.Highs 0 values.Highs 0 policy.Length
                Array.blit spare.Lows 0 values.Lows 0 policy.Length

        Sweeping.run
            settings
            discount
            {
                Model = model
                InPlace = false
                Sweep = jacobiSweep model gamma
                Between = evaluate
                BetweenExtended = evaluateExtended
            }
