namespace OnlinePolicyAdaptation.Planning

open System
open System.Numerics
open OnlinePolicyAdaptation.Domain.Network

/// A deterministic decision process over several controls, in which an action moves the level of each control by
/// -1, 0 or +1: the states within reach of one step are a box around the current one. States are numbered like the
/// Cartesian product of the levels, the last control fastest.
///
/// The reward of a step depends on its two ends in one of two ways. Either the state reached has a reward of its own,
/// earned whatever state was left; or it has none, and the step earns what the state left pays.
///
/// The largest Q-factor of a state is then the larger of two maxima over a box, and the maximum over a box can be
/// taken along one control after another: 3 comparisons for each of d controls in place of 3^d Q-factors.
type BoxModel =
    private
        {
            levels: int[]
            departure: float[]
            /// Reward on reaching a state; minus infinity where the state has none.
            arrival: float[]
            /// 0 where the state left pays; minus infinity where the state reached has a reward of its own.
            paidOnDeparture: float[]
        }

    /// The number of levels of each control.
    member this.Levels = this.levels
    member this.StateCount = this.departure.Length

    /// The reward of the step between two states, which are within reach of each other.
    member this.Reward(current, next) =
        if this.paidOnDeparture[next] = 0.0 then
            this.departure[current]
        else
            this.arrival[next]

/// The states of a box model whose every level is within some distance of a state's.
type internal BoxRegion =
    {
        Model: BoxModel
        /// The lowest level of each control that belongs to the region.
        Lowest: int[]
        /// The state of the whole model that each state of the region is.
        States: int[]
    }

/// Two arrays to work in, as long as the model has states.
[<Struct>]
type internal BoxScratch = { First: float[]; Second: float[] }

[<RequireQualifiedAccess>]
module BoxModel =

    /// A box model over controls with these numbers of levels. `departure` holds what each state pays when it is left,
    /// `arrival` the reward of reaching each state, or nothing where the state left pays.
    let create (levels: int[]) (departure: float[]) (arrival: float voption[]) =
        let count = Array.fold (*) 1L (Array.map int64 levels)
        let size = ProblemSize.ofLevels GridEdge.Clip levels

        if levels.Length = 0 || levels |> Array.exists (fun n -> n < 1) then
            Error "a box model needs at least one control, each with at least one level"
        elif size.Pairs > int64 Array.MaxLength then
            Error $"a box of {size.States} states is too large for tables"
        elif int64 departure.Length <> count || int64 arrival.Length <> count then
            Error $"{departure.Length} and {arrival.Length} rewards given for {count} states"
        else
            Ok
                {
                    levels = levels
                    departure = departure
                    arrival = arrival |> Array.map (ValueOption.defaultValue -infinity)
                    paidOnDeparture = arrival |> Array.map (fun r -> if r.IsSome then -infinity else 0.0)
                }

    let internal scratch (box: BoxModel) =
        {
            First = Array.zeroCreate box.StateCount
            Second = Array.zeroCreate box.StateCount
        }

    /// target[i] <- the largest of source[i - below], source[i], source[i + above], for i in first .. first + count - 1.
    let private largestOfThree (source: float[]) (target: float[]) first count below above =
        let width = Vector<float>.Count
        let last = first + count
        let mutable i = first

        while i + width <= last do
            let neighbours =
                Vector.MaxNative(Vector(source, i - below), Vector(source, i + above))

            Vector.MaxNative(neighbours, Vector(source, i)).CopyTo(target, i)
            i <- i + width

        while i < last do
            let mutable largest = source[i]

            if source[i - below] > largest then
                largest <- source[i - below]

            if source[i + above] > largest then
                largest <- source[i + above]

            target[i] <- largest
            i <- i + 1

    /// The maximum over the neighbours along one control, whose next level is `stride` states away.
    let private maximumAlong levels stride (source: float[]) (target: float[]) =
        let block = levels * stride
        let mutable first = 0

        while first < source.Length do
            if levels = 1 then
                largestOfThree source target first stride 0 0
            else
                largestOfThree source target first stride 0 stride
                largestOfThree source target (first + stride) (block - 2 * stride) stride stride
                largestOfThree source target (first + block - stride) stride stride 0

            first <- first + block

    /// Replaces the values by their maxima over the box around each state. `spare` is overwritten; the result stands in
    /// the array returned, which is one of the two.
    let private boxMaximum (levels: int[]) (values: float[]) (spare: float[]) =
        let mutable source = values
        let mutable target = spare
        let mutable stride = 1

        for control in levels.Length - 1 .. -1 .. 0 do
            maximumAlong levels[control] stride source target
            stride <- stride * levels[control]
            let previous = source
            source <- target
            target <- previous

        source

    /// target <- T values, bit for bit what the maximum over all Q-factors is: adding the same number to two numbers and
    /// rounding never swaps them.
    let internal optimality (box: BoxModel) gamma (work: BoxScratch) (values: float[]) (target: float[]) =
        let { First = inner; Second = spare } = work

        for s in 0 .. inner.Length - 1 do
            inner[s] <- gamma * values[s] + box.paidOnDeparture[s]

        let largest = boxMaximum box.levels inner spare
        let other = if obj.ReferenceEquals(largest, inner) then spare else inner

        // `values` may be `target`: what is still needed of it is read before it is overwritten.
        for s in 0 .. other.Length - 1 do
            other[s] <- box.arrival[s] + gamma * values[s]
            target[s] <- box.departure[s] + largest[s]

        let largest = boxMaximum box.levels other largest

        for s in 0 .. largest.Length - 1 do
            if largest[s] > target[s] then
                target[s] <- largest[s]

    let private digits (levels: int[]) state =
        let result = Array.zeroCreate<int> levels.Length
        let mutable rest = state

        for i in levels.Length - 1 .. -1 .. 0 do
            result[i] <- rest % levels[i]
            rest <- rest / levels[i]

        result

    /// The states whose levels are all within `radius` of this state's.
    let internal around (box: BoxModel) radius state =
        let centre = digits box.levels state
        let lowest = centre |> Array.map (fun level -> max 0 (level - radius))

        let levels =
            Array.init centre.Length (fun i -> min (box.levels[i] - 1) (centre[i] + radius) - lowest[i] + 1)

        let mutable states = [| 0 |]

        for i in 0 .. levels.Length - 1 do
            let n = levels[i]
            let first = lowest[i]
            let outer = states
            let inner = Array.zeroCreate<int>(outer.Length * n)

            for k in 0 .. outer.Length - 1 do
                for level in 0 .. n - 1 do
                    inner[k * n + level] <- outer[k] * box.levels[i] + first + level

            states <- inner

        let select (whole: float[]) =
            let part = Array.zeroCreate<float> states.Length

            for k in 0 .. states.Length - 1 do
                part[k] <- whole[states[k]]

            part

        {
            Model =
                {
                    levels = levels
                    departure = select box.departure
                    arrival = select box.arrival
                    paidOnDeparture = select box.paidOnDeparture
                }
            Lowest = lowest
            States = states
        }

    /// The number that a state of the whole model has in a region it belongs to.
    let internal indexIn (whole: BoxModel) (region: BoxRegion) state =
        let mutable rest = state
        let mutable stride = 1
        let mutable index = 0

        for i in whole.levels.Length - 1 .. -1 .. 0 do
            index <- index + stride * (rest % whole.levels[i] - region.Lowest[i])
            rest <- rest / whole.levels[i]
            stride <- stride * region.Model.levels[i]

        index
