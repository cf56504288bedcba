/// What the laws compare: values to a tolerance, and order.
module OnlinePolicyAdaptation.Tests.Fixtures.Values

open Expecto
open Expecto.Flip

let private largestDifference (a: float[]) (b: float[]) =
    if a.Length <> b.Length then
        infinity
    else
        Array.map2 (fun x y -> abs (x - y)) a b |> Array.max

/// Every value within the tolerance of the expected one.
let within (tolerance: float) message expected actual =
    (largestDifference expected actual, tolerance)
    |> Expect.isLessThanOrEqual $"{message}: largest difference"

/// Equal but for rounding.
let close message expected actual = within 1e-9 message expected actual

/// No value below the lower one by more than rounding.
let nowhereWorse message (lower: float[]) (values: float[]) =
    (Array.map2 (-) values lower |> Array.min, -1e-9)
    |> Expect.isGreaterThanOrEqual $"{message}: smallest gain"
