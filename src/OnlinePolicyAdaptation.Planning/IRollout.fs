namespace OnlinePolicyAdaptation.Planning

open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// How the actions of a rollout decision are compared.
[<RequireQualifiedAccess>]
type RolloutScheme =
    /// All actions at once.
    | Joint
    /// One control after another.
    | Multiagent

    /// The word in tables, charts and result files.
    member this.Name =
        match this with
        | Joint -> "joint"
        | Multiagent -> "multiagent"

/// What the configurations at the end of a plan are worth.
[<RequireQualifiedAccess>]
type LeafValues =
    /// What the base policy makes of them.
    | Base
    /// The best of what several policies make of them: the base policy, holding still, and going straight to the best
    /// configuration and staying there. Rollout is then nowhere worse than any of them.
    | BetterOf

    /// The word in scenarios and result files.
    member this.Name =
        match this with
        | Base -> "base"
        | BetterOf -> "better-of"

/// How rollout looks ahead.
type RolloutSettings =
    {
        Scheme: RolloutScheme
        /// The lookahead horizon; at least 1.
        Horizon: int
        Leaves: LeafValues
    }

/// The policy that rollout improves.
[<RequireQualifiedAccess; NoComparison; NoEquality>]
type RolloutBase =
    /// One action in each state. A policy that draws is asked once for each state, and these actions are improved.
    | Actions of IPolicy<SystemState, ControlAction>
    /// A policy that draws: its expected value is improved.
    | Distribution of IStochasticPolicy<SystemState>

/// What rollout decides in one state.
type RolloutDecision =
    {
        /// One that the mask allows.
        Action: ControlAction
        QFactor: float
        /// The Q-factor of the base policy's action; none where that action would leave the grid.
        BaseQFactor: float voption
    }

/// An admissible action with what rollout compares it by.
type ActionValue =
    {
        Action: ControlAction
        /// The configuration it leads to.
        Next: Configuration
        QFactor: float
    }

/// Rollout of a base policy on a system model under one load: an improved action for a state and its mask. Pure and
/// thread-safe, but for the tokens: a call whose token is cancelled ends soon with an OperationCanceledException.
///
/// The load of a state is taken to be the one that was planned for. Where a mask forbids every move of a control that stays
/// on the grid, the control takes the move that the mask allows and stays at the edge.
type IRollout =
    /// The decision in a state; `baseAction` is what the base policy does there.
    abstract Decide:
        state: SystemState * mask: ActionMask * baseAction: ControlAction * cancellation: CancellationToken ->
            RolloutDecision

    /// Every action that grid and mask allow in a state, by ascending number.
    abstract Alternatives: state: SystemState * mask: ActionMask * cancellation: CancellationToken -> ActionValue[]

/// Rollout that keeps to limits in its whole horizon, for any moves left. Pure and thread-safe.
type ILimitedRollout =
    /// Rollout where each control has so many moves left; `MoveLimits.unlimited` where it has no limit.
    abstract Within: movesLeft: EquatableArray<int> -> IRollout
