module OnlinePolicyAdaptation.Tests.Learning.SystemModels.ResidualNoiseTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

/// Cells of 30 intervals in a row, their noise of this deviation and correlation, around their median.
let private cells (key: RandomKey) deviation correlation (outliers: float) =
    let mutable sequence = key.Sequence()
    let mutable noise = FilteredNodes.normal &sequence

    [|
        for cell in 0..49 ->
            let residuals = Array.zeroCreate<float> 30

            for i in 0..29 do
                noise <-
                    correlation * noise
                    + sqrt (1.0 - correlation * correlation) * FilteredNodes.normal &sequence

                let outlier = if sequence.NextDouble() < outliers then 5.0 else 0.0
                residuals[i] <- deviation * noise + outlier

            let median = ResidualNoise.Median(Span(Array.copy residuals))

            residuals
            |> Array.mapi (fun i residual -> struct (100 * cell + i, residual - median))
    |]

[<Tests>]
let tests =
    testList
        "Learning.ResidualNoise"
        [
            for correlation in [ 0.0; 0.5; 0.9 ] do
                test $"noise of correlation {correlation} is known again" {
                    let noise = ResidualNoise.Calibrate(cells (RandomKey 3UL) 0.2 correlation 0.0)

                    Expect.isLessThan
                        (abs (noise.Deviation - 0.2))
                        (if correlation > 0.6 then 0.08 else 0.04)
                        "deviation"
                    // Taking off each cell's median hides part of a high correlation: of 30 intervals, a fifth of 0.9.
                    Expect.isLessThan
                        (abs (noise.Correlation - correlation))
                        (if correlation > 0.6 then 0.2 else 0.1)
                        "correlation"
                }

            test "outliers of a hundred times as long change neither" {
                let noise = ResidualNoise.Calibrate(cells (RandomKey 4UL) 0.05 0.5 0.05)
                Expect.isLessThan (abs (noise.Deviation - 0.05)) 0.015 "deviation"
                Expect.isLessThan (abs (noise.Correlation - 0.5)) 0.15 "correlation"
            }

            test "where nothing was measured it is the usual guess" {
                let noise = ResidualNoise.Calibrate [||]
                Expect.equal noise.Deviation 0.1 "deviation"
                Expect.equal noise.Correlation 0.0 "correlation"
            }

            test "a few residuals count against what is usual, as many as five" {
                // Of 5 residuals of 0.3 the deviation is 1.4826 x 0.3; with 5 usual ones of 0.1 the root of the mean square.
                let expected = sqrt ((1.4826 * 0.3 * 1.4826 * 0.3 + 0.01) / 2.0)
                let deviation = ResidualNoise.DeviationOf(Span [| 0.3; -0.3; 0.3; -0.3; 0.3 |], 0.1)
                Expect.floatClose Accuracy.high deviation expected "half and half"
                Expect.equal (ResidualNoise.DeviationOf(Span<float>.Empty, 0.1)) 0.1 "none"
            }

            test "the median of an even number is between the middle two" {
                Expect.equal (ResidualNoise.Median(Span [| 4.0; 1.0; 3.0; 2.0 |])) 2.5 "even"
                Expect.equal (ResidualNoise.Median(Span [| 3.0; 1.0; 2.0 |])) 2.0 "odd"
            }
        ]
