namespace OnlinePolicyAdaptation.Planning

/// Values at the leaves of a plan, as how far they are from one number. A number added to all leaves adds its discounted self to
/// all Q-factors, so decisions are those of the distances.
type RelativeValues =
    { Offset: Extended; Distances: float[] }

/// The leaves as plans see them that begin in different states.
type RelativeLeaves =
    {
        /// Those of plans from any state, where floats tell the values apart.
        Shared: RelativeValues voption
        /// Those of plans from a state.
        From: int -> RelativeValues
    }

[<RequireQualifiedAccess>]
module RelativeValues =

    /// How many times larger than the largest reward values are before floats round them by more than 2^-40 of it. Near discount 1
    /// values are, and as floats no longer tell good from bad.
    let private far = 2.0 ** 13.0

    /// The largest value among the states that one may be in after so many steps.
    let private largestAfter (model: FiniteModel) steps (values: ExtendedValues) state =
        // The last step at which a state was found.
        let found = Array.zeroCreate<int> model.StateCount
        let mutable states = ResizeArray [ state ]

        for step in 1..steps do
            let next = ResizeArray<int>()

            for s in states do
                model.ThrowIfCancelled()

                for k in
                    model.FirstSuccessor[model.FirstChoice[s]] .. model.FirstSuccessor[model.FirstChoice[s + 1]] - 1 do
                    let successor = model.Successors[k]

                    if found[successor] < step then
                        found[successor] <- step
                        next.Add successor

            states <- next

        states
        |> Seq.map (fun state -> values[state])
        |> Seq.reduce (fun a b -> if Extended.isLess a b then b else a)

    /// The leaves as a plan of so many steps from a state sees them: the values themselves where floats tell them apart, else how
    /// far they are from the largest one within reach, which is what good plans end near. Fit for many states.
    let within (model: FiniteModel) steps (values: ExtendedValues) : RelativeLeaves =
        if ExtendedValues.largest values <= far * Sweeping.largestSize model.Rewards then
            let all =
                {
                    Offset = Extended.zero
                    Distances = values.Highs
                }

            {
                Shared = ValueSome all
                From = fun _ -> all
            }
        else
            {
                Shared = ValueNone
                From =
                    fun state ->
                        let offset = largestAfter model steps values state

                        {
                            Offset = offset
                            Distances =
                                Array.init model.StateCount (fun other -> (values[other] - offset: Extended).High)
                        }
            }

    /// The Q-factor that stands for one computed with the distances, so many steps before the leaves.
    let qFactor (discount: Discount) steps (values: RelativeValues) =
        if values.Offset = Extended.zero then
            id
        else
            let mutable offset = values.Offset

            for _ in 1..steps do
                offset <- Extended.Scaled(discount.Value, offset)

            fun (q: float) -> (Extended.ofFloat q + offset).High
