namespace OnlinePolicyAdaptation.Scenarios

/// A policy of the literature that rollout is compared with: it goes by configurations and what they earn, and has no model of
/// the system.
[<RequireQualifiedAccess>]
type Baseline =
    /// Told of every change, it measures each configuration of the new system once, and then plays the best of that recording.
    | ToldRetraining
    | MonitoredUcb
    | DiscountedThompson
    | SlidingWindowUcb
    | ForgettingGaussianProcess

    /// Its name in scenarios and result files.
    member this.Name =
        match this with
        | ToldRetraining -> "told-retraining"
        | MonitoredUcb -> "m-ucb"
        | DiscountedThompson -> "discounted-thompson"
        | SlidingWindowUcb -> "sliding-window-ucb"
        | ForgettingGaussianProcess -> "forgetting-gp"

[<RequireQualifiedAccess>]
module Baseline =

    /// In the order of reports.
    let all =
        [
            Baseline.ToldRetraining
            Baseline.MonitoredUcb
            Baseline.DiscountedThompson
            Baseline.SlidingWindowUcb
            Baseline.ForgettingGaussianProcess
        ]

    let ofName name =
        all |> List.tryFind (fun baseline -> baseline.Name = name)
