namespace OnlinePolicyAdaptation.Tests.Fixtures

open System
open System.Numerics

/// A fraction of whole numbers: what arithmetic comes to without rounding.
[<CustomEquality; CustomComparison>]
type Rational =
    private
        {
            above: BigInteger
            /// Above 0.
            below: BigInteger
        }

    static member Of(above: BigInteger, below: BigInteger) =
        let common = BigInteger.GreatestCommonDivisor(above, below)
        let common = if below.Sign < 0 then -common else common

        {
            above = above / common
            below = below / common
        }

    static member (+)(a, b) =
        Rational.Of(a.above * b.below + b.above * a.below, a.below * b.below)

    static member (-)(a, b) =
        Rational.Of(a.above * b.below - b.above * a.below, a.below * b.below)

    static member (*)(a, b) =
        Rational.Of(a.above * b.above, a.below * b.below)

    static member (/)(a, b) =
        Rational.Of(a.above * b.below, a.below * b.above)

    interface IComparable with
        member a.CompareTo other =
            match other with
            | :? Rational as b -> compare (a.above * b.below) (b.above * a.below)
            | _ -> invalidArg (nameof other) "a fraction is compared with fractions"

    override a.Equals other =
        match other with
        | :? Rational as b -> a.above = b.above && a.below = b.below
        | _ -> false

    override a.GetHashCode() = hash (a.above, a.below)
    override a.ToString() = $"{a.above}/{a.below}"

[<RequireQualifiedAccess>]
module Rational =

    let zero = Rational.Of(BigInteger.Zero, BigInteger.One)
    let one = Rational.Of(BigInteger.One, BigInteger.One)

    /// Exactly what a finite float stands for.
    let ofFloat (number: float) =
        let bits = BitConverter.DoubleToInt64Bits number
        let exponent = int ((bits >>> 52) &&& 0x7FFL)
        let fraction = bits &&& 0xFFFFFFFFFFFFFL

        let digits, power =
            if exponent = 0 then
                fraction, -1074
            else
                fraction ||| 0x10000000000000L, exponent - 1075

        let digits = BigInteger(if bits < 0L then -digits else digits)

        if power >= 0 then
            Rational.Of(digits * BigInteger.Pow(BigInteger 2, power), BigInteger.One)
        else
            Rational.Of(digits, BigInteger.Pow(BigInteger 2, -power))

    let size a = if a < zero then zero - a else a

/// Planning in fractions: the slowest and surest oracle there is.
[<RequireQualifiedAccess>]
module RationalPlanner =

    open OnlinePolicyAdaptation.Planning

    /// A choice with probabilities that are shares of their sum.
    let qFactor gamma (values: Rational[]) (choice: Choice) =
        let total =
            choice.Successors
            |> Seq.map (_.Probability >> Rational.ofFloat)
            |> Seq.reduce (+)

        let expected =
            choice.Successors
            |> Seq.map (fun s -> Rational.ofFloat s.Probability * values[s.State])
            |> Seq.fold (+) Rational.zero

        Rational.ofFloat choice.Reward + Rational.ofFloat gamma * expected / total

    /// The value of taking these choices for ever: J = r + gamma P J, by elimination.
    let value gamma (choices: Choice[]) =
        let count = choices.Length

        let rows =
            choices
            |> Array.mapi (fun s choice ->
                let unit t =
                    Array.init count (fun i -> if i = t then Rational.one else Rational.zero)

                let reward = qFactor gamma (Array.create count Rational.zero) choice

                Array.init (count + 1) (fun t ->
                    if t = count then
                        reward
                    else
                        (unit t)[s] - (qFactor gamma (unit t) choice - reward)))

        for pivot in 0 .. count - 1 do
            let divisor = rows[pivot][pivot]
            rows[pivot] <- rows[pivot] |> Array.map (fun x -> x / divisor)

            for s in 0 .. count - 1 do
                if s <> pivot then
                    let factor = rows[s][pivot]
                    rows[s] <- Array.map2 (fun x y -> x - factor * y) rows[s] rows[pivot]

        rows |> Array.map Array.last

    /// The optimal value, by policy iteration.
    let optimum gamma (choices: Choice[][]) =
        let rec improve (policy: Choice[]) =
            let values = value gamma policy

            let better =
                Array.map2
                    (fun (own: Choice) (all: Choice[]) ->
                        let best = all |> Array.maxBy (qFactor gamma values)

                        if qFactor gamma values best > qFactor gamma values own then
                            best
                        else
                            own)
                    policy
                    choices

            if better = policy then values else improve better

        improve (choices |> Array.map Array.head)

    /// Every float within the bound of the fraction.
    let areWithin (bound: float) (expected: Rational[]) (values: float[]) =
        let bound = Rational.ofFloat bound

        Array.forall2 (fun value exact -> Rational.size (Rational.ofFloat value - exact) <= bound) values expected
