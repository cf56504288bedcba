namespace OnlinePolicyAdaptation.Planning

open OnlinePolicyAdaptation.Domain.Mdp

/// What follows a state, sampled: the base policy is followed for some steps, then a terminal value stands for the rest.
[<NoComparison; NoEquality>]
type Truncation<'state, 'action> =
    {
        Model: ISystemModel<'state, 'action>
        Discount: Discount
        /// The action taken in a state; draws by the key.
        BasePolicy: 'state -> RandomKey -> 'action
        /// How many steps of the base policy; 0: the terminal value alone.
        Steps: int
        Terminal: 'state -> float
    }

/// Values by simulation on a system model. Step t of a trajectory draws with child t of its key: the policy with child 0
/// of that, the model with child 1. Trajectories under the same key are comparable (common random numbers).
[<RequireQualifiedAccess>]
module TruncatedRollout =

    /// The discounted rewards of one trajectory from a state, and the discounted terminal value.
    let sample (truncation: Truncation<'state, 'action>) (key: RandomKey) (state: 'state) =
        let gamma = truncation.Discount.Value
        let mutable current = state
        let mutable total = 0.0
        let mutable weight = 1.0

        for step in 0 .. truncation.Steps - 1 do
            let stepKey = key.Split(step: int)
            let action = truncation.BasePolicy current (stepKey.Split 0)
            let transition = truncation.Model.Sample(current, action, stepKey.Split 1)
            total <- total + weight * transition.Reward
            weight <- weight * gamma
            current <- transition.Next

        total + weight * truncation.Terminal current

    /// The value of a state by this many trajectories, at least 1. Trajectory i runs under child i of the key.
    let value (truncation: Truncation<'state, 'action>) trajectories (key: RandomKey) state =
        Array.init trajectories (fun i -> sample truncation (key.Split(i: int)) state)
        |> SampleMean.ofSamples trajectories

    /// One sample of the Q-factor of an action: its first step draws with child 0 of the key, the rest with child 1.
    let sampleQFactor (truncation: Truncation<'state, 'action>) (key: RandomKey) state action =
        let transition = truncation.Model.Sample(state, action, key.Split 0)

        transition.Reward
        + truncation.Discount.Value * sample truncation (key.Split 1) transition.Next
