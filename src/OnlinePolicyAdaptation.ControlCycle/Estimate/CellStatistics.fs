/// What the samples of a cell have in common. Response times are compared by their logarithms, so that a deviation is a
/// share, whether a service takes milliseconds or seconds.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.CellStatistics

open System

/// Response times below this are taken for it, in seconds: logarithms are compared.
let shortest = 1e-6

let logarithm (seconds: float) = log (max shortest seconds)

/// The samples in which a service was measured.
let measured (samples: WeightedSample list) service =
    let isMissing (sample: WeightedSample) = Double.IsNaN sample.Seconds[service]

    if List.exists isMissing samples then
        List.filter (isMissing >> not) samples
    else
        samples

/// The mean logarithm of a service's response time, by weight; NaN where it was not measured.
let meanLog (samples: WeightedSample list) service =
    let samples = measured samples service
    let weight = samples |> List.sumBy _.Weight

    (samples
     |> List.sumBy (fun sample -> sample.Weight * logarithm sample.Seconds[service]))
    / weight

/// The usual deviation of one measurement, relative to its mean, before much is known; and what that guess counts, in
/// samples.
let private usualDeviation = 0.1
let private guessed = 5.0

/// A deviation from the mean below this share is never thought unusual.
let private smallestDeviation = 0.05

/// The standard deviation of a service's measurements in a cell, relative to their mean: from the mean absolute deviation,
/// which a single interval of 20 s cannot blow up as it does the variance. `logs` are the measurements' logarithms.
let deviationOf (samples: WeightedSample list) (logs: float[]) =
    if samples.IsEmpty then
        usualDeviation
    else
        let mutable weight = 0.0
        let mutable weighted = 0.0
        let mutable row = 0

        for sample in samples do
            weight <- weight + sample.Weight
            weighted <- weighted + sample.Weight * logs[row]
            row <- row + 1

        let mean = weighted / weight
        let mutable sum = 0.0

        for log in logs do
            sum <- sum + abs (log - mean)

        let normal = sqrt (Math.PI / 2.0)
        max smallestDeviation ((normal * sum + guessed * usualDeviation) / (float logs.Length + guessed))

/// The logarithms of a service's measurements, in samples that all have one.
let logs (samples: WeightedSample list) service =
    let logs = Array.zeroCreate<float> samples.Length
    let mutable row = 0

    for sample in samples do
        logs[row] <- logarithm sample.Seconds[service]
        row <- row + 1

    logs

/// `deviationOf` the measurements of a service.
let deviation (samples: WeightedSample list) service =
    let samples = measured samples service
    deviationOf samples (logs samples service)
