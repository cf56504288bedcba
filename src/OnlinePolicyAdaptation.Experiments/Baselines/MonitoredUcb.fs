/// M-UCB: UCB1 that plays every arm in turn now and then, and begins anew where the newest plays of an arm have other means
/// than those before them (Cao, Wen, Kveton and Xie, "Nearly optimal adaptive procedure with change detection for
/// piecewise-stationary bandit", AISTATS 2019).
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.MonitoredUcb

type MonitoredUcbSettings =
    {
        /// Newest plays of an arm that are compared, half with half; even.
        Window: int
        /// A change is where the sums of the halves differ by more, in units of the range of rewards.
        Threshold: float
        /// Share of the plays that go to all arms in turn, from 0 to 1.
        Uniform: float
        /// Of the exploration bonus, in units of the range of rewards.
        Exploration: float
    }

let standard =
    {
        Window = 4
        Threshold = 0.4
        Uniform = 0.1
        Exploration = 0.1
    }

type private Known =
    {
        /// Plays since the last change.
        Plays: int
        Counts: int[]
        Sums: float[]
        /// Of each arm the newest plays, the newest first.
        Newest: float list[]
    }

let private nothing arms =
    {
        Plays = 0
        Counts = Array.zeroCreate arms
        Sums = Array.zeroCreate arms
        Newest = Array.create arms []
    }

/// Whether the halves of a full window differ.
let private differs settings newest =
    if List.length newest < settings.Window then
        false
    else
        let later, earlier = List.splitAt (settings.Window / 2) newest
        abs (List.sum later - List.sum earlier) > settings.Threshold

let private next settings (known: Known) =
    let arms = known.Counts.Length

    let turn =
        if settings.Uniform > 0.0 then
            known.Plays % int (ceil (float arms / settings.Uniform))
        else
            arms

    if turn < arms then
        turn
    else
        let horizon = log (float (max 2 known.Plays))

        Array.init arms (fun arm ->
            if known.Counts[arm] = 0 then
                infinity
            else
                let count = float known.Counts[arm]
                known.Sums[arm] / count + settings.Exploration * sqrt (horizon / count))
        |> Bandit.best

let rec private playing settings (range: RewardRange) (known: Known) : Bandit =
    {
        Arm = next settings known
        After =
            fun _ arm reward ->
                let reward = range.Scaled reward
                let newest = List.truncate settings.Window (reward :: known.Newest[arm])

                if differs settings newest then
                    playing settings range (nothing known.Counts.Length)
                else
                    playing
                        settings
                        range
                        {
                            Plays = known.Plays + 1
                            Counts = Array.updateAt arm (known.Counts[arm] + 1) known.Counts
                            Sums = Array.updateAt arm (known.Sums[arm] + reward) known.Sums
                            Newest = Array.updateAt arm newest known.Newest
                        }
    }

/// Knows nothing yet.
let start settings range arms = playing settings range (nothing arms)
