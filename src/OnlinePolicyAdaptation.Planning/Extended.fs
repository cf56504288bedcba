namespace OnlinePolicyAdaptation.Planning

open System

/// A number of about 32 digits: the sum of two floats, the second of which is at most half a unit in the last place of the
/// first. Sums and products are right to 2^-103 of their size. (Joldes, Muller and Popescu, Tight and rigorous error bounds for
/// basic building blocks of double-word arithmetic, 2017.)
[<Struct; NoComparison>]
type Extended =
    {
        High: float
        Low: float
    }

    static member (+)(a: Extended, b: Extended) : Extended = Extended.Sum(a, b)

    static member (-)(a: Extended, b: Extended) : Extended =
        Extended.Sum(a, { High = -b.High; Low = -b.Low })

    static member (*)(a: Extended, b: Extended) : Extended = Extended.Product(a, b)
    static member (/)(a: Extended, b: Extended) : Extended = Extended.Quotient(a, b)

    /// Both floats as one number, where the first is not smaller than the second.
    static member private Normal(a: float, b: float) : Extended =
        let sum = a + b

        { High = sum; Low = b - (sum - a) }

    /// The exact sum of two floats.
    static member OfSum(a: float, b: float) : Extended =
        let sum = a + b
        let part = sum - a

        {
            High = sum
            Low = (a - (sum - part)) + (b - part)
        }

    /// The exact product of two floats.
    static member OfProduct(a: float, b: float) : Extended =
        let product = a * b

        {
            High = product
            Low = Math.FusedMultiplyAdd(a, b, -product)
        }

    static member Sum(a: Extended, b: Extended) : Extended =
        let high = Extended.OfSum(a.High, b.High)
        let low = Extended.OfSum(a.Low, b.Low)
        let first = Extended.Normal(high.High, high.Low + low.High)
        Extended.Normal(first.High, first.Low + low.Low)

    static member Product(a: Extended, b: Extended) : Extended =
        let high = Extended.OfProduct(a.High, b.High)

        let low =
            Math.FusedMultiplyAdd(a.High, b.Low, Math.FusedMultiplyAdd(a.Low, b.High, a.Low * b.Low))

        Extended.Normal(high.High, high.Low + low)

    /// A float times a number.
    static member Scaled(a: float, b: Extended) : Extended =
        let high = Extended.OfProduct(a, b.High)
        Extended.Normal(high.High, Math.FusedMultiplyAdd(a, b.Low, high.Low))

    static member Quotient(a: Extended, b: Extended) : Extended =
        let first = a.High / b.High
        let rest = a - Extended.Scaled(first, b)
        let second = rest.High / b.High
        let rest = rest - Extended.Scaled(second, b)

        Extended.Sum(Extended.Normal(first, second), { High = rest.High / b.High; Low = 0.0 })

[<RequireQualifiedAccess>]
module Extended =

    /// How far the result of an operation may be off, relative to its size.
    let epsilon = 2.0 ** -103.0

    let zero: Extended = { High = 0.0; Low = 0.0 }
    let ofFloat number : Extended = { High = number; Low = 0.0 }

    let inline isLess (a: Extended) (b: Extended) =
        a.High < b.High || (a.High = b.High && a.Low < b.Low)

/// A number of about 32 digits for each state.
type ExtendedValues =
    {
        Highs: float[]
        Lows: float[]
    }

    member inline this.Item
        with get (state: int): Extended =
            {
                High = this.Highs[state]
                Low = this.Lows[state]
            }
        and set (state: int) (value: Extended) =
            this.Highs[state] <- value.High
            this.Lows[state] <- value.Low

[<RequireQualifiedAccess>]
module ExtendedValues =

    let zero count =
        {
            Highs = Array.zeroCreate count
            Lows = Array.zeroCreate count
        }

    let ofFloats (values: float[]) =
        {
            Highs = values
            Lows = Array.zeroCreate values.Length
        }

    /// The largest size of a value.
    let largest (values: ExtendedValues) =
        let mutable largest = 0.0

        for value in values.Highs do
            largest <- max largest (abs value)

        largest

    /// How far the floats are from the values, at most.
    let rounding (values: ExtendedValues) =
        let mutable largest = 0.0

        for low in values.Lows do
            largest <- max largest (abs low)

        largest
