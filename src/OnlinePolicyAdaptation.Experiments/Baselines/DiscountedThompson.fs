/// Thompson sampling with Gaussian beliefs whose past is discounted (Raj and Kalyani, "Taming non-stationary bandits: a
/// Bayesian approach", 2017; Qi, Wang and Zhu, "Discounted Thompson sampling for non-stationary bandit problems", 2023).
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.DiscountedThompson

open OnlinePolicyAdaptation.Domain.Mdp

type DiscountedThompsonSettings =
    {
        /// What a play weighs one play later, above 0 and below 1.
        Discount: float
        /// Standard deviation of rewards, in units of their range.
        Noise: float
        /// Weight of the first belief, which is the middle of the range.
        Prior: float
    }

let standard =
    {
        Discount = 0.98
        Noise = 0.1
        Prior = 0.1
    }

let rec private playing settings (range: RewardRange) (weights: float[]) (sums: float[]) (key: RandomKey) : Bandit =
    let mutable random = key.Sequence()

    let drawn =
        Array.init weights.Length (fun arm ->
            let weight = weights[arm] + settings.Prior
            let mean = (sums[arm] + settings.Prior * 0.5) / weight
            mean + settings.Noise / sqrt weight * random.NextNormal())

    {
        Arm = Bandit.best drawn
        After =
            fun key arm reward ->
                let after = Array.map ((*) settings.Discount)
                let weights = after weights
                let sums = after sums
                weights[arm] <- weights[arm] + 1.0
                sums[arm] <- sums[arm] + range.Scaled reward
                playing settings range weights sums key
    }

/// Knows nothing yet; its first draw comes from the key.
let start settings range arms key =
    playing settings range (Array.zeroCreate arms) (Array.zeroCreate arms) key
