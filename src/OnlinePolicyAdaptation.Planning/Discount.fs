namespace OnlinePolicyAdaptation.Planning

/// The weight gamma of the next step's value against this step's reward; above 0 and below 1.
[<Struct>]
type Discount =
    private
    | Discount of float

    member this.Value =
        let (Discount gamma) = this
        gamma

[<RequireQualifiedAccess>]
module Discount =

    /// An error where gamma is not above 0 and below 1, NaN included.
    let create gamma =
        if gamma > 0.0 && gamma < 1.0 then
            Ok(Discount gamma)
        else
            Error $"discount {gamma} is not above 0 and below 1"
