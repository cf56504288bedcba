namespace OnlinePolicyAdaptation.Planning

/// When sampling of an action stops because it is clearly dominated.
type Screening =
    {
        /// Samples of every action before the first is dropped; at least 2.
        FirstStage: int
        /// The probability, over all actions, of dropping one that is better than the rest by `Indifference` or more.
        ErrorProbability: float
        /// The smallest difference of Q-factors worth detecting; above 0.
        Indifference: float
    }

/// The rule KN of Kim and Nelson, A fully sequential procedure for indifference-zone selection in simulation (ACM TOMACS
/// 11(3), 2001), with c = 1. It allows for common random numbers: only variances of differences count.
[<RequireQualifiedAccess>]
module internal Screening =

    /// The rule for samples `samples[action][i]`, the first stage of which is drawn: `dominated count i survivors` says
    /// whether action i falls behind one of the survivors after `count` samples of each.
    let rule (screening: Screening) (samples: float[][]) =
        let n0 = screening.FirstStage
        let delta = screening.Indifference
        let rivals = float (samples.Length - 1)

        let eta =
            0.5
            * ((2.0 * screening.ErrorProbability / rivals) ** (-2.0 / float (n0 - 1)) - 1.0)

        let hSquared = 2.0 * eta * float (n0 - 1)

        let variances =
            samples
            |> Array.map (fun a -> samples |> Array.map (fun b -> SampleMean.varianceOfDifference n0 a b))

        fun count (sums: float[]) i (survivors: int[]) ->
            let slack rival =
                let allowance = hSquared * variances[i][rival] / (delta * delta) - float count
                max 0.0 (delta / (2.0 * float count) * allowance)

            survivors
            |> Array.exists (fun rival -> (sums[i] - sums[rival]) / float count < -(slack rival))
