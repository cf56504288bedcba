module OnlinePolicyAdaptation.Tests.Learning.Regression.FixedPointTests

open Expecto
open FsCheck
open OnlinePolicyAdaptation.Learning.Regression

let private scale draws (values: float list) =
    FixedPoint.Finest(List.min values, List.max values, draws)

let private numbers (first: NormalFloat) (others: NormalFloat list) =
    [ for value in first :: others -> value.Get ]

[<Tests>]
let tests =
    testList
        "Learning.Regression.FixedPoint"
        [
            testProperty "sums of units do not depend on their order"
            <| fun first others ->
                let values = numbers first others
                let scale = scale values.Length values
                let units = values |> List.map scale.ToUnits
                let exact = units |> List.sumBy bigint
                Expect.equal (bigint (List.sum units)) exact "in the order given"
                Expect.equal (bigint (units |> List.sort |> List.sum)) exact "ascending"

            testProperty "a target comes back to within half a unit, and within the range"
            <| fun first others (draws: uint16) ->
                let values = numbers first others
                let scale = scale (int draws + 1) values

                for value in values do
                    let back = scale.FromUnits(scale.ToUnits value)
                    let rounding = 1e-15 * (abs scale.Lowest + abs scale.Highest)
                    Expect.isLessThanOrEqual (abs (back - value)) (0.5 * scale.Unit + rounding) "near"
                    Expect.isTrue (back >= List.min values && back <= List.max values) "within the range"

            testProperty "multiplying by a power of two leaves the units as they are"
            <| fun first others (exponent: sbyte) ->
                let values = numbers first others
                let factor = 2.0 ** float (exponent % 30y)
                let scaled = List.map ((*) factor) values
                let before, after = scale 1000 values, scale 1000 scaled
                Expect.equal (List.map after.ToUnits scaled) (List.map before.ToUnits values) "units"

            testCase "3,600 draws leave a target more than 40 bits of its range"
            <| fun () ->
                let scale = FixedPoint.Finest(0.0, 2.0, 3600)
                Expect.equal scale.Unit (2.0 ** -40.0) "unit"

            testCase "the largest and the smallest targets are finite"
            <| fun () ->
                for lowest, highest in [ -1.7e308, 1.7e308; 0.0, 5e-324; 1.7e308, 1.7e308 ] do
                    let scale = FixedPoint.Finest(lowest, highest, 1 <<< 24)

                    for value in [ lowest; highest ] do
                        let units = scale.ToUnits value
                        Expect.isLessThanOrEqual (abs units) (2.0 ** 29.0) "units"
                        Expect.isTrue (scale.FromUnits units >= lowest) "not below"
                        Expect.isTrue (scale.FromUnits units <= highest) "not above"
        ]
