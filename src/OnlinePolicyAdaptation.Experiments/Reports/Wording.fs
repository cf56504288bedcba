/// Numbers as reports and tables write them. What is unknown is a dash.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Wording

open System
open System.Globalization

/// With so many decimals; what rounds to zero has no sign.
let number (digits: int) (value: float) =
    if Double.IsFinite value then
        let rounded = Math.Round(value, digits)
        (if rounded = 0.0 then 0.0 else rounded).ToString("F" + string<int> digits, CultureInfo.InvariantCulture)
    else
        "–"

let withInterval digits (e: ConfidenceInterval) =
    if Double.IsFinite e.HalfWidth then
        $"{number digits e.Mean} ± {number digits e.HalfWidth}"
    else
        number digits e.Mean

/// In another unit.
let scaled factor (e: ConfidenceInterval) =
    {
        Mean = factor * e.Mean
        HalfWidth = factor * e.HalfWidth
    }

let percent (e: ConfidenceInterval) = withInterval 0 (scaled 100.0 e)

/// A time with three significant digits in a unit that suits it, or in hours and minutes.
let duration (seconds: float) =
    let text (value: float) =
        value.ToString("G3", CultureInfo.InvariantCulture)

    if Double.IsInfinity seconds then "never"
    elif Double.IsNaN seconds then "–"
    elif seconds >= 3600.0 then $"{text (seconds / 3600.0)} h"
    elif seconds >= 120.0 then $"{text (seconds / 60.0)} min"
    elif seconds >= 1.0 then $"{text seconds} s"
    elif seconds >= 1e-3 then $"{text (seconds * 1e3)} ms"
    else $"{text (seconds * 1e6)} µs"
