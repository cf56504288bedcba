/// How unusual a measurement is, given what was predicted: what the detection of changes goes by.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Surprise

open System
open MathNet.Numerics.Distributions

/// Samples of a cell, of the system as it is, from which its usual deviation is known well enough to call another one
/// unusual. A cell that is not familiar tells nothing about a change: what is new there may be so because it was unknown.
let private familiar = 5

/// A residual over the cell's usual deviation. Where the cell has shown residuals as large before, it is no more unusual than
/// its rank among them says, however they are distributed: two modes or a heavy tail are nothing new.
let private score (residuals: float[]) deviation (residual: float) =
    let size = residual / deviation
    let direction = float (sign residual)
    let mutable asLarge = 0

    for other in residuals do
        if other * direction >= abs residual then
            asLarge <- asLarge + 1

    if asLarge = 0 then
        size
    else
        let share = (float asLarge + 0.5) / float (residuals.Length + 1)

        float (sign size)
        * min (abs size) (max 0.0 (Normal.InvCDF(0.0, 1.0, 1.0 - share)))

/// The scores of the services, 0 on average and about 1 in size where nothing has changed; positive: slower than predicted.
/// 0 for a service that was not measured, now or often enough. None where the cell is not familiar. `current` are its samples of the system as it is, `predicted` the mean response times
/// in seconds.
let scores (current: WeightedSample list) (sample: Sample) (predicted: float[]) =
    if current.Length < familiar then
        ValueNone
    else
        ValueSome(
            predicted
            |> Array.mapi (fun service predicted ->
                let current = CellStatistics.measured current service
                let seconds = sample.ResponseTimes[service].Seconds

                if current.Length < familiar || Double.IsNaN seconds then
                    0.0
                else
                    let logs = CellStatistics.logs current service
                    let expected = CellStatistics.logarithm predicted
                    let measured = CellStatistics.logarithm seconds

                    score
                        (logs |> Array.map (fun log -> log - expected))
                        (CellStatistics.deviationOf current logs)
                        (measured - expected))
        )
