/// How far samples are from the exponential distribution.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Testbed.Exponential

open System

/// The distance of Kolmogorov and Smirnov between samples and the exponential distribution of mean 1.
let distance (samples: float seq) =
    let sorted = samples |> Seq.sort |> Array.ofSeq
    let count = float sorted.Length

    sorted
    |> Seq.mapi (fun i value ->
        let expected = 1.0 - Math.Exp -value
        max (abs (float i / count - expected)) (abs (float (i + 1) / count - expected)))
    |> Seq.max

/// The distance that so many samples of the distribution exceed in 1 of 1,000 cases (asymptotically).
let acceptable count = 1.949 / Math.Sqrt(float count)

/// The gaps of ascending times, from 0.
let gaps (times: float seq) =
    Seq.append [ 0.0 ] times
    |> Seq.pairwise
    |> Seq.map (fun (one, next) -> next - one)
