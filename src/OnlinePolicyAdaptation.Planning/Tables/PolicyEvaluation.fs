namespace OnlinePolicyAdaptation.Planning

open System

/// Values in extended numbers, and how far from what they stand for they can be.
type internal Evaluation =
    {
        Extended: ExtendedValues
        /// Of the extended numbers.
        ErrorBound: float
        /// Whether the bound is as small as numbers allow.
        IsExact: bool
    }

/// The value function of a policy, and how far from it the numbers can be.
type EvaluatedPolicy =
    {
        Values: float[]
        /// What rounding took from each value: with it, values are right to more digits than a float has.
        Remainders: float[]
        /// Every value is within this of J_mu, rounding included.
        ErrorBound: float
        /// Whether the bound is as small as numbers allow; not where sweeps of a large process were too many.
        IsExact: bool
    }

/// The value function J_mu of a policy on a finite model.
[<RequireQualifiedAccess>]
module PolicyEvaluation =

    /// What is left over of J = T_mu J, state by state, and the largest size of it.
    let private residuals (model: FiniteModel) gamma (values: ExtendedValues) (rest: float[]) =
        let mutable largest = 0.0

        for s in 0 .. model.StateCount - 1 do
            let left: Extended = ExtendedBellman.qFactor model gamma values s - values[s]
            rest[s] <- left.High
            largest <- max largest (abs left.High)

        largest

    /// The bound of values that leave so much over, whatever they were found by: 1/(1 - gamma) times that.
    let private bound (rounding: Rounding) (discount: Discount) values left =
        (left + 2.0 * rounding.InExtended(ExtendedValues.largest values))
        / (1.0 - discount.Value)
        * (1.0 + 8.0 * Rounding.ofFloat)

    let private operator sweeps gamma (chain: RewardProcess) : Sweeping.Operator =
        let model = RewardProcess.asModel chain
        let inPlace = sweeps = Sweeps.GaussSeidel

        {
            Model = model
            InPlace = inPlace
            Sweep =
                fun source target ->
                    chain.ThrowIfCancelled()
                    let mutable largest = 0.0

                    for s in 0 .. source.Length - 1 do
                        let value = Bellman.qFactor model gamma source s
                        largest <- max largest (abs (value - source[s]))
                        target[s] <- value

                    largest
            Between = fun _ _ -> ()
            BetweenExtended = fun _ _ -> ()
        }

    /// J_mu by sweeps J <- T_mu J from J = 0.
    let bySweeps sweeps settings (discount: Discount) (chain: RewardProcess) =
        Sweeping.run settings discount (operator sweeps discount.Value chain)

    /// Smaller than any change of a value: sweeps go on until rounding alone is left.
    let private toRounding = SweepSettings.ofTheta Double.Epsilon

    /// The value of every state of a reward process, as near as extended numbers get. Linear time where every state has one
    /// successor. Otherwise the equations are solved, in up to cubic time, as long as their matrix takes no more than `bytes`; a
    /// larger process is swept.
    let internal evaluateWithin (bytes: int64) (discount: Discount) (chain: RewardProcess) =
        let model = RewardProcess.asModel chain
        let gamma = discount.Value

        if chain.IsDeterministic then
            {
                Extended = FunctionalGraph.values discount chain
                ErrorBound = FunctionalGraph.errorBound discount chain
                IsExact = true
            }
        elif LinearEquations.cells chain * int64 sizeof<float> <= bytes then
            let eliminated = LinearEquations.eliminate gamma chain

            let struct (values, left) =
                LinearEquations.solve chain eliminated (residuals model gamma)

            {
                Extended = values
                ErrorBound = bound (Rounding.ofModel model) discount values left
                IsExact = true
            }
        else
            let swept = bySweeps Sweeps.Jacobi toRounding discount chain

            {
                Extended =
                    {
                        Highs = swept.Values
                        Lows = swept.Remainders
                    }
                ErrorBound = swept.ErrorBound
                IsExact = swept.End <> SweepsEnd.MostSweeps
            }

    /// The same, with as much memory as the tables of a problem may take.
    let internal evaluate discount chain =
        evaluateWithin ProblemSize.mostBytes discount chain

    let private rounded (evaluation: Evaluation) =
        {
            Values = evaluation.Extended.Highs
            Remainders = evaluation.Extended.Lows
            ErrorBound = evaluation.ErrorBound + ExtendedValues.rounding evaluation.Extended
            IsExact = evaluation.IsExact
        }

    /// The value of every state of a reward process with its bound. Probabilities stand for their shares of their sum.
    let bounded discount chain = evaluate discount chain |> rounded

    /// The values alone, with so much memory for a matrix.
    let exactWithin bytes discount chain =
        (evaluateWithin bytes discount chain |> rounded).Values

    /// The values alone: the floats next to J_mu, unless the process is too large for a matrix and mixes too slowly.
    let exactOf discount chain = (bounded discount chain).Values

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
