module OnlinePolicyAdaptation.Tests.Domain.RandomKey

open Expecto
open OnlinePolicyAdaptation.Domain.Mdp

let private uniforms count key =
    let mutable sequence = (key: RandomKey).Sequence()
    Array.init count (fun _ -> sequence.NextDouble())

[<Tests>]
let tests =
    testList
        "Domain.Mdp.RandomKey"
        [
            testProperty "the same key gives the same numbers" (fun (value: uint64) ->
                Expect.equal (uniforms 20 (RandomKey value)) (uniforms 20 (RandomKey value)) "bit for bit")

            testProperty "children differ from each other and from their parent" (fun (value: uint64) ->
                let key = RandomKey value

                let first =
                    [ for key in key :: [ for i in 0..50 -> key.Split i ] -> (uniforms 1 key)[0] ]

                Expect.equal (List.distinct first).Length 52 "all different")

            test "uniform numbers have the mean and variance of the uniform distribution" {
                let numbers = uniforms 100_000 (RandomKey 3UL)
                let mean = Array.average numbers
                let variance = numbers |> Array.averageBy (fun x -> (x - mean) ** 2.0)
                // Five standard errors: 5 sqrt(1/12 / 100,000) = 0.0046 and about 0.0012.
                Expect.isLessThan (abs (mean - 0.5)) 0.0046 "mean"
                Expect.isLessThan (abs (variance - 1.0 / 12.0)) 0.0012 "variance"
            }

            test "neighbouring children are not correlated" {
                let first =
                    [| for i in 0..99_999 -> (uniforms 1 ((RandomKey 5UL).Split i))[0] - 0.5 |]

                let covariance =
                    Array.map2 (*) first[1..] first[.. first.Length - 2] |> Array.average
                // Five standard errors: 5 / 12 / sqrt 100,000.
                Expect.isLessThan (abs covariance) 0.0013 "lag 1"
            }

            test "an integer below a bound takes each value as often" {
                let mutable sequence = (RandomKey 9UL).Sequence()
                let counts = Array.zeroCreate<int> 7

                for _ in 1..70_000 do
                    let i = sequence.NextInt 7
                    counts[i] <- counts[i] + 1

                // Five standard deviations of a binomial(70,000, 1/7) count.
                for count in counts do
                    Expect.isLessThan (abs (count - 10_000)) 463 "near a seventh"
            }
        ]
