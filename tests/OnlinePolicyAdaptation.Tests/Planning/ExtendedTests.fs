module OnlinePolicyAdaptation.Tests.Planning.ExtendedTests

open Expecto
open Expecto.Flip
open FsCheck
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures

let private exactly (number: Extended) =
    Rational.ofFloat number.High + Rational.ofFloat number.Low

/// Numbers of all sizes that cannot under- or overflow, and far from each other, too.
let private numbers (high: NormalFloat) (scale: int) : Extended =
    let high = (high.Get % 1e9) * 2.0 ** float (scale % 60)
    Extended.OfSum(high, high * 1.234e-17)

let private epsilon = Rational.ofFloat Extended.epsilon

let private near message scale expected actual =
    (Rational.size (exactly actual - expected), epsilon * Rational.size scale)
    |> Expect.isLessThanOrEqual message

let private law name body =
    testPropertyWithConfig
        { FsCheckConfig.defaultConfig with
            maxTest = 500
        }
        name
        body

[<Tests>]
let tests =
    testList
        "Planning.Extended"
        [
            law "sums, differences and products are right to 2^-103" (fun x i y j ->
                let a, b = numbers x i, numbers y j
                let p, q = exactly a, exactly b
                near "sum" (p + q) (p + q) (a + b)
                near "difference" (p - q) (p - q) (a - b)
                near "product" (p * q) (p * q) (a * b)
                near "scaled" (Rational.ofFloat a.High * q) (Rational.ofFloat a.High * q) (Extended.Scaled(a.High, b)))

            law "quotients are right to 2^-103" (fun x i y j ->
                let a, b = numbers x i, numbers y j

                if b.High <> 0.0 then
                    let expected = exactly a / exactly b
                    near "quotient" expected expected (a / b))

            law "the sum and the product of two floats lose nothing" (fun x i y j ->
                let a, b = (numbers x i).High, (numbers y j).High

                exactly (Extended.OfSum(a, b))
                |> Expect.equal "sum" (Rational.ofFloat a + Rational.ofFloat b)

                exactly (Extended.OfProduct(a, b))
                |> Expect.equal "product" (Rational.ofFloat a * Rational.ofFloat b))

            law "numbers are ordered by both of their parts" (fun x i y j ->
                let a, b = numbers x i, numbers y j
                Extended.isLess a b |> Expect.equal "less" (exactly a < exactly b)
                Extended.isLess a a |> Expect.isFalse "itself"

                let next = a + Extended.Scaled(1e-25, a)

                Extended.isLess a next
                |> Expect.equal "by the second" (exactly a < exactly next))
        ]
