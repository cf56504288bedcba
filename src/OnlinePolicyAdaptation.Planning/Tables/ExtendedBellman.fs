namespace OnlinePolicyAdaptation.Planning

open System

/// How far rounding can take a Q-factor from what the numbers of the model and the values stand for, relative to the sum of the
/// largest reward and the largest value.
[<Struct>]
type internal Rounding =
    {
        LargestReward: float
        /// Of floats.
        OfFloat: float
        /// Of extended numbers.
        OfExtended: float
    }

    /// Of a Q-factor in floats, with values up to this size.
    member this.InFloat largestValue =
        this.OfFloat * (this.LargestReward + largestValue)

    /// Of a Q-factor in extended numbers.
    member this.InExtended largestValue =
        this.OfExtended * (this.LargestReward + largestValue)

[<RequireQualifiedAccess>]
module internal Rounding =

    /// Half the distance from 1 to the next larger float.
    let ofFloat = 2.0 ** -53.0

    /// Of a model: with the number of successors, and with how far their probabilities are from summing to 1.
    let ofModel (model: FiniteModel) =
        let mutable most = 1
        let mutable deviation = 0.0

        if not model.IsDeterministic then
            for choice in 0 .. model.ChoiceCount - 1 do
                let first = model.FirstSuccessor[choice]
                let count = model.FirstSuccessor[choice + 1] - first
                most <- max most count
                let mutable total = 0.0

                for k in first .. first + count - 1 do
                    total <- total + model.Probabilities[k]

                deviation <- max deviation (abs (total - 1.0))

        let mutable largest = 0.0

        for reward in model.Rewards do
            largest <- max largest (abs reward)

        let terms = float most

        {
            LargestReward = largest
            OfFloat = deviation + (2.0 * terms + 5.0) * ofFloat
            OfExtended = (4.0 * terms + 8.0) * Extended.epsilon
        }

/// The Bellman operator in extended numbers. Probabilities stand for their shares of their sum, so that a constant added to all
/// values adds its discounted self to all Q-factors.
[<RequireQualifiedAccess>]
module internal ExtendedBellman =

    /// Q_J(s, a) of one choice.
    let qFactor (model: FiniteModel) (gamma: float) (values: ExtendedValues) choice =
        let first = model.FirstSuccessor[choice]
        let last = model.FirstSuccessor[choice + 1] - 1

        let expected =
            if first = last then
                values[model.Successors[first]]
            else
                let mutable sum = Extended.zero
                let mutable total = Extended.zero

                for k in first..last do
                    let probability = model.Probabilities[k]
                    sum <- sum + Extended.Scaled(probability, values[model.Successors[k]])
                    total <- total + Extended.ofFloat probability

                sum / total

        Extended.ofFloat model.Rewards[choice] + Extended.Scaled(gamma, expected)

    /// The best choice of a state and its Q-factor; of several the first. Only choices that are within `margin` of the largest
    /// Q-factor in floats are compared.
    let best (model: FiniteModel) gamma (values: ExtendedValues) margin state =
        let struct (floatBest, largest) = Bellman.bestChoice model gamma values.Highs state

        let mutable best = floatBest
        let mutable bestQ = qFactor model gamma values floatBest

        for choice in model.FirstChoice[state] .. model.FirstChoice[state + 1] - 1 do
            if
                choice <> floatBest
                && Bellman.qFactor model gamma values.Highs choice >= largest - margin
            then
                let q = qFactor model gamma values choice

                if Extended.isLess bestQ q || (q = bestQ && choice < best) then
                    best <- choice
                    bestQ <- q

        struct (best, bestQ)

    /// The first choice of a state whose Q-factor is at most `tolerance` below this one, which is the largest.
    let firstBest (model: FiniteModel) gamma (values: ExtendedValues) margin tolerance state (largest: Extended) =
        let mutable choice = model.FirstChoice[state]

        let isAsGood choice =
            Bellman.qFactor model gamma values.Highs choice
            >= largest.High - margin - tolerance
            && (largest - qFactor model gamma values choice).High <= tolerance

        while not (isAsGood choice) do
            choice <- choice + 1

        choice

    /// How far apart rounding may put sums of rewards that are the same, as a share of the largest reward.
    let tie = 2.0 ** -46.0

    /// The policy that is greedy with respect to J: in each state the first action of largest Q_J, but for the rounding of
    /// rewards.
    let greedy (model: FiniteModel) gamma (values: ExtendedValues) : FinitePolicy =
        let rounding = Rounding.ofModel model
        let margin = 2.0 * rounding.InFloat(ExtendedValues.largest values)

        Array.init model.StateCount (fun state ->
            model.ThrowIfCancelled()
            let struct (_, largest) = best model gamma values margin state
            firstBest model gamma values margin (tie * rounding.LargestReward) state largest)

    /// target <- T source, with the best choice of each state; the smallest and the largest change.
    let sweep (model: FiniteModel) gamma margin (source: ExtendedValues) (target: ExtendedValues) (choices: int[]) =
        let mutable smallest = Extended.ofFloat infinity
        let mutable largest = Extended.ofFloat -infinity

        for state in 0 .. model.StateCount - 1 do
            model.ThrowIfCancelled()
            let struct (choice, q) = best model gamma source margin state
            let change: Extended = q - source[state]
            choices[state] <- choice
            target[state] <- q

            if Extended.isLess change smallest then
                smallest <- change

            if Extended.isLess largest change then
                largest <- change

        struct (smallest, largest)
