namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Domain.Mdp

/// A policy over arms that learns from what they earn and from nothing else: no model, no states, only arms and rewards.
/// Immutable; what it has learned is in the functions it holds.
type Bandit =
    {
        /// The arm that it plays next.
        Arm: int
        /// The bandit after an arm, its own or another, has earned a reward. Its draws come from the key.
        After: RandomKey -> int -> float -> Bandit
    }

/// Rewards that lie between `Lowest` and `Highest`; those outside are taken for the nearest of both.
type RewardRange =
    {
        Lowest: float
        Highest: float
    }

    /// As a share of the range.
    member this.Scaled reward =
        (min this.Highest (max this.Lowest reward) - this.Lowest)
        / (this.Highest - this.Lowest)

[<RequireQualifiedAccess>]
module internal Bandit =

    /// The first arm with the greatest index.
    let best (indices: float[]) =
        let mutable arm = 0

        for other in 1 .. indices.Length - 1 do
            if indices[other] > indices[arm] then
                arm <- other

        arm
