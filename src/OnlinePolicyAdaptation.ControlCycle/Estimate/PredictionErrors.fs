namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Network

/// Errors of the last predictions.
type PredictionErrors =
    private
        {
            /// Sums over the services, in seconds, newest first: absolute errors and response times.
            recent: struct (float * float) list
        }

[<RequireQualifiedAccess>]
module PredictionErrors =

    /// Intervals that are looked back on.
    let private length = 50

    let none = { recent = [] }

    let ofList recent = { recent = recent }

    let toList errors = errors.recent

    /// Mean absolute error over mean response time; none before the first prediction.
    let nmae errors =
        let mutable error = 0.0
        let mutable total = 0.0

        for struct (e, t) in errors.recent do
            error <- error + e
            total <- total + t

        if total > 0.0 then ValueSome(error / total) else ValueNone

    let add (predicted: float[] voption) (metrics: Metrics) errors =
        match predicted with
        | ValueSome predicted when metrics.Services |> Seq.forall _.MeanResponseTime.HasValue ->
            let mutable error = 0.0
            let mutable total = 0.0

            for i in 0 .. predicted.Length - 1 do
                let seconds = metrics.Services[i].MeanResponseTime.Value.Seconds
                error <- error + abs (seconds - predicted[i])
                total <- total + seconds

            {
                recent = List.truncate length (struct (error, total) :: errors.recent)
            }
        | _ -> errors
