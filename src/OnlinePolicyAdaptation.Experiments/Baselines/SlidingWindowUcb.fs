/// UCB1 on the newest plays alone (Garivier and Moulines, "On upper-confidence bound policies for switching bandit problems",
/// ALT 2011).
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.SlidingWindowUcb

type SlidingWindowUcbSettings =
    {
        /// Plays that are remembered, at least 1.
        Window: int
        /// Of the exploration bonus, in units of the range of rewards.
        Exploration: float
    }

let standard = { Window = 100; Exploration = 0.1 }

/// What is known: the plays of the window, the newest first.
let rec private playing settings (range: RewardRange) arms (plays: struct (int * float) list) : Bandit =
    let counts = Array.zeroCreate<float> arms
    let sums = Array.zeroCreate<float> arms

    for struct (arm, reward) in plays do
        counts[arm] <- counts[arm] + 1.0
        sums[arm] <- sums[arm] + reward

    let horizon = log (float (max 2 (List.length plays)))

    /// An arm that was not played within the window comes first.
    let index arm =
        if counts[arm] = 0.0 then
            infinity
        else
            sums[arm] / counts[arm] + settings.Exploration * sqrt (horizon / counts[arm])

    {
        Arm = Bandit.best (Array.init arms index)
        After =
            fun _ arm reward ->
                struct (arm, range.Scaled reward) :: plays
                |> List.truncate settings.Window
                |> playing settings range arms
    }

/// Knows nothing yet.
let start settings range arms = playing settings range arms []
