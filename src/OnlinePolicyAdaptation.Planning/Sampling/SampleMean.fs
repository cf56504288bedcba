namespace OnlinePolicyAdaptation.Planning

/// The mean of independent samples, and how far it may be from what it estimates.
[<Struct>]
type SampleMean =
    {
        Mean: float
        /// Standard deviation of the mean, estimated from the samples; infinite for a single sample.
        StandardError: float
        Samples: int
    }

[<RequireQualifiedAccess>]
module SampleMean =

    /// Mean and variance of `count` >= 1 numbers, by Welford's recurrence; the variance of one number is infinite.
    let private moments count (sample: int -> float) =
        let mutable mean = 0.0
        let mutable squares = 0.0

        for i in 0 .. count - 1 do
            let x = sample i
            let before = x - mean
            mean <- mean + before / float (i + 1)
            squares <- squares + before * (x - mean)

        let variance = if count > 1 then squares / float (count - 1) else infinity
        struct (mean, variance)

    let private ofMoments count struct (mean, variance) =
        {
            Mean = mean
            StandardError = sqrt (variance / float count)
            Samples = count
        }

    /// From the first `count` >= 1 samples.
    let ofSamples count (samples: float[]) =
        moments count (fun i -> samples[i]) |> ofMoments count

    /// The mean of a - b, where samples of the same index were drawn under the same key.
    let ofDifferences count (a: float[]) (b: float[]) =
        moments count (fun i -> a[i] - b[i]) |> ofMoments count

    /// The variance of a - b.
    let internal varianceOfDifference count (a: float[]) (b: float[]) =
        let struct (_, variance) = moments count (fun i -> a[i] - b[i])
        variance
