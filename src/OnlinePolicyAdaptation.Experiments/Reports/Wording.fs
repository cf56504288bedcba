/// Numbers as reports and tables write them. What is unknown is a dash.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Wording

open System
open System.Globalization
open OnlinePolicyAdaptation.Scenarios

let withInterval digits (e: ConfidenceInterval) =
    if Double.IsFinite e.HalfWidth then
        $"{Numbers.fixed' digits e.Mean} ± {Numbers.fixed' digits e.HalfWidth}"
    else
        Numbers.fixed' digits e.Mean

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
