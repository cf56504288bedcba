/// Numbers as texts of this project write them.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Scenarios.Numbers

open System.Globalization
open OnlinePolicyAdaptation.Domain.Network

/// All digits, with a point for decimals.
let text (value: float) =
    value.ToString CultureInfo.InvariantCulture

let rate (rate: RequestRate) = text rate.PerSecond

/// The number that a text is, if it is one.
let parse (text: string) =
    match System.Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, value -> Some value
    | _ -> None
