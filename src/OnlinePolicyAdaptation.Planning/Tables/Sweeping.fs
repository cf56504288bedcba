namespace OnlinePolicyAdaptation.Planning

open System

/// How a sweep of value iteration or policy evaluation uses the values it computes.
[<RequireQualifiedAccess>]
type Sweeps =
    /// In place, in state order: later states see the new values of earlier ones.
    | GaussSeidel
    /// Synchronous: every state sees the values of the sweep before.
    | Jacobi

/// How far sweeps have come.
[<Struct>]
type SweepProgress =
    {
        Sweeps: int
        /// Every value is within this of the limit.
        ErrorBound: float
    }

/// When sweeps end.
[<NoComparison; NoEquality>]
type SweepSettings =
    {
        /// Above 0. Sweeps end once no value changes by this or more, that is, once every value is within theta/(1 - gamma)
        /// of the limit; where that takes many sweeps, values are asked to be within theta itself as far as rounding lets them.
        Theta: float
        /// At least 1.
        MostSweeps: int
        /// Called after each sweep.
        Progress: SweepProgress -> unit
    }

[<RequireQualifiedAccess>]
module SweepSettings =

    /// Sweeps at most, where nothing else is asked for.
    let mostSweeps = 10_000

    let ofTheta theta =
        {
            Theta = theta
            MostSweeps = mostSweeps
            Progress = ignore
        }

/// Why sweeps ended.
[<RequireQualifiedAccess>]
type SweepsEnd =
    /// Every value is as near to the limit as was asked for.
    | Reached
    /// The numbers get no nearer than they are.
    | Rounding
    /// There were as many as there may be.
    | MostSweeps

/// The values that sweeps ended at, and how far from their limit they can be.
type SweptValues =
    {
        Values: float[]
        /// What rounding took from each value: with it, values are right to more digits than a float has.
        Remainders: float[]
        /// The largest change of a value in each sweep, first to last.
        Changes: float[]
        /// Every value is within this of the limit, rounding included.
        ErrorBound: float
        End: SweepsEnd
    }

/// Repeated sweeps of an operator that contracts by gamma in the maximum norm.
///
/// Values start at 0. Plain sweeps change values less and less, by the factor gamma at least; where their number stays small they
/// end with the first that changes no value by theta. Elsewhere synchronous sweeps go on in extended numbers, and each is
/// followed by a lift: with smallest and largest change a and b, the limit lies between gamma a/(1 - gamma) and
/// gamma b/(1 - gamma) above the values, and these are lifted to the middle. How near that is depends on how alike the changes
/// are, not on gamma. (MacQueen, A modified dynamic programming method for Markovian decision problems, 1966; Puterman, 1994,
/// 6.6.)
[<RequireQualifiedAccess>]
module internal Sweeping =

    /// Plain sweeps at most.
    let private plainSweeps = 1000

    /// The largest change between two arrays of values.
    let largestChange (before: float[]) (after: float[]) =
        let mutable largest = 0.0

        for i in 0 .. before.Length - 1 do
            let change = abs (after[i] - before[i])

            if change > largest then
                largest <- change

        largest

    let largestSize (values: float[]) =
        let mutable largest = 0.0

        for value in values do
            if abs value > largest then
                largest <- abs value

        largest

    /// The operator, and what is done between two of its sweeps, as plain sweeps and on extended numbers.
    [<NoComparison; NoEquality>]
    type Operator =
        {
            Model: FiniteModel
            InPlace: bool
            /// Fills the target (the source itself where in place), and returns the largest change.
            Sweep: float[] -> float[] -> float
            /// What of `source` and `target` of the last sweep carries the target further.
            Between: float[] -> float[] -> unit
            /// The same, of the best choices in the last sweep and its target.
            BetweenExtended: int[] -> ExtendedValues -> unit
        }

    let private check settings =
        if not (settings.Theta > 0.0) then
            invalidArg "theta" $"the threshold theta is {settings.Theta}; expected a number above 0"

        if settings.MostSweeps < 1 then
            invalidArg "mostSweeps" $"{settings.MostSweeps} sweeps are asked for; expected at least 1"

    /// Whether plain sweeps end below theta, given the largest change of the first.
    let private isPlain (rounding: Rounding) gamma theta change =
        let noise = rounding.InFloat(rounding.LargestReward / (1.0 - gamma)) / (1.0 - gamma)

        change < theta
        || (theta >= 4.0 * noise && log (theta / change) / log gamma <= float plainSweeps)

    /// Sweeps until no value changes by theta, as many as may be plain; the values, and whether they are what is asked for.
    let private plain settings gamma (rounding: Rounding) (operator: Operator) (changes: ResizeArray<float>) =
        let count = operator.Model.StateCount
        let most = min plainSweeps settings.MostSweeps
        let mutable values = Array.zeroCreate<float> count
        let mutable source = if operator.InPlace then values else Array.zeroCreate count
        let mutable change = infinity
        let mutable goesOn = true

        let bound () =
            (gamma * change + rounding.InFloat(largestSize values)) / (1.0 - gamma)

        while goesOn do
            if changes.Count > 0 then
                operator.Between source values

            let target = if operator.InPlace then values else source
            source <- values
            change <- operator.Sweep source target
            values <- target
            changes.Add change

            settings.Progress
                {
                    Sweeps = changes.Count
                    ErrorBound = bound ()
                }

            goesOn <-
                change >= settings.Theta
                && changes.Count < most
                && (changes.Count > 1 || isPlain rounding gamma settings.Theta change)

        // With a theta below rounding, floats may stand still before they are right to it.
        struct (values, bound (), change < settings.Theta && bound () <= settings.Theta / (1.0 - gamma))

    /// Synchronous sweeps, each followed by a lift.
    let private lifted settings gamma (rounding: Rounding) (operator: Operator) (changes: ResizeArray<float>) start =
        let model = operator.Model
        let count = model.StateCount
        let away = Extended.OfSum(1.0, -gamma)
        let factor = Extended.ofFloat gamma / away
        let asked = settings.Theta / away.High
        let choices = Array.zeroCreate<int> count
        let mutable values = ExtendedValues.ofFloats start
        let mutable target = ExtendedValues.zero count
        let mutable bound = infinity
        let mutable ending = ValueNone
        let mutable isFirst = true

        while ending.IsNone do
            if not isFirst then
                operator.BetweenExtended choices values

            isFirst <- false
            let before = ExtendedValues.largest values
            let margin = 2.0 * rounding.InFloat before

            let struct (smallest, largest) =
                ExtendedBellman.sweep model gamma margin values target choices

            let lift = Extended.Scaled(0.5, factor * (smallest + largest))

            for state in 0 .. count - 1 do
                target[state] <- target[state] + lift

            let previous = values
            values <- target
            target <- previous
            changes.Add(max (abs smallest.High) (abs largest.High))
            let after = ExtendedValues.largest values
            let apart = 0.5 * (factor * (largest - smallest)).High

            let numbers =
                4.0 * rounding.InExtended(max before after + abs lift.High) / away.High

            // The bound itself is computed in floats.
            bound <-
                (apart + numbers + ExtendedValues.rounding values)
                * (1.0 + 8.0 * Rounding.ofFloat)

            settings.Progress
                {
                    Sweeps = changes.Count
                    ErrorBound = bound
                }

            let aim = max settings.Theta (max numbers (0.25 * Rounding.ofFloat * after))

            let isPatient = changes.Count < min plainSweeps settings.MostSweeps

            if bound <= settings.Theta || (bound <= asked && not (isPatient && apart > aim)) then
                ending <- ValueSome(SweepsEnd.Reached)
            elif apart <= 0.1 * (numbers + ExtendedValues.rounding values) then
                ending <- ValueSome(SweepsEnd.Rounding)
            elif changes.Count >= settings.MostSweeps then
                ending <- ValueSome(SweepsEnd.MostSweeps)

        {
            Values = values.Highs
            Remainders = values.Lows
            Changes = changes.ToArray()
            ErrorBound = bound
            End = ending |> ValueOption.defaultValue SweepsEnd.MostSweeps
        }

    /// Sweeps from J = 0 to the limit, as near as the settings ask and numbers allow.
    let run (settings: SweepSettings) (discount: Discount) (operator: Operator) =
        check settings
        let gamma = discount.Value
        let rounding = Rounding.ofModel operator.Model
        let changes = ResizeArray<float>()

        let struct (values, bound, isReached) =
            plain settings gamma rounding operator changes

        if isReached || changes.Count >= settings.MostSweeps then
            {
                Values = values
                Remainders = Array.zeroCreate values.Length
                Changes = changes.ToArray()
                ErrorBound = bound
                End =
                    if isReached then
                        SweepsEnd.Reached
                    else
                        SweepsEnd.MostSweeps
            }
        else
            lifted settings gamma rounding operator changes values
