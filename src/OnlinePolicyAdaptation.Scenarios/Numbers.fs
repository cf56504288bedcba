/// Numbers as texts of this project write and read them, whatever the language of the machine.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.Numbers

open System.Globalization
open OnlinePolicyAdaptation.Domain.Network

/// All digits, with a point for decimals.
let text (value: float) =
    value.ToString CultureInfo.InvariantCulture

/// At most so many decimals, none of them a zero at the end; from a billion on as a power of ten.
let short (decimals: int) (value: float) =
    let digits = System.String('#', decimals)
    let format = if abs value < 1e9 then $"0.{digits}" else $"0.{digits}e0"
    value.ToString(format, CultureInfo.InvariantCulture)

/// With so many decimals; what rounds to zero has no sign. What is unknown is a dash.
let fixed' (decimals: int) (value: float) =
    if System.Double.IsFinite value then
        let rounded = System.Math.Round(value, decimals)

        (if rounded = 0.0 then 0.0 else rounded).ToString("F" + string<int> decimals, CultureInfo.InvariantCulture)
    else
        "–"

let rate (rate: RequestRate) = text rate.PerSecond

/// The number that a text is, if it is one.
let parse (text: string) =
    match System.Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, value -> Some value
    | _ -> None
