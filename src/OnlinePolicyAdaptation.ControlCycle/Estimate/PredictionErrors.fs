namespace OnlinePolicyAdaptation.ControlCycle

/// Errors of the last predictions.
type PredictionErrors =
    private
        {
            /// Sums over the services, in seconds, newest first: absolute errors and response times. Those beyond `length`
            /// no longer count, and go together now and then.
            recent: struct (float * float) list
            count: int
        }

[<RequireQualifiedAccess>]
module PredictionErrors =

    /// Intervals that are looked back on.
    let private length = 50

    let none = { recent = []; count = 0 }

    let ofList recent =
        {
            recent = recent
            count = List.length recent
        }

    let toList errors = List.truncate length errors.recent

    /// An interval counts for at most so many usual ones.
    let private most = 5.0

    /// Mean absolute error over mean response time; none before the first prediction. The response time of an interval, and its
    /// error, count up to five times the median: no single measurement rules the mean (Huber 1981, winsorised mean).
    let nmae errors =
        let recent = List.truncate length errors.recent
        let totals = [| for struct (_, total) in recent -> total |]
        Array.sortInPlace totals

        let cap =
            if totals.Length = 0 then
                infinity
            else
                most * totals[(totals.Length - 1) / 2]

        let mutable error = 0.0
        let mutable total = 0.0

        for struct (e, t) in recent do
            error <- error + min e cap
            total <- total + min t cap

        if total > 0.0 then ValueSome(error / total) else ValueNone

    /// A service that was not measured adds nothing.
    let add (predicted: float[] voption) (sample: Result<Sample, CycleError>) errors =
        match predicted, sample with
        | ValueSome predicted, Ok sample ->
            let mutable error = 0.0
            let mutable total = 0.0

            for i in 0 .. predicted.Length - 1 do
                let seconds = sample.ResponseTimes[i].Seconds

                if not (System.Double.IsNaN seconds) then
                    error <- error + abs (seconds - predicted[i])
                    total <- total + seconds

            let recent = struct (error, total) :: errors.recent

            if errors.count < 4 * length then
                {
                    recent = recent
                    count = errors.count + 1
                }
            else
                ofList (List.truncate length recent)
        | _ -> errors
