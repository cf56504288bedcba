namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Planning

/// The policy that is improved.
[<RequireQualifiedAccess>]
type PlannedBase =
    /// The best immediate reward less a small charge for moving controls.
    | Greedy
    /// Every admissible action with the same probability.
    | Random
    /// The action number in every state.
    | Table of source: string * actions: int[]

/// What the leaves of a lookahead are worth.
[<RequireQualifiedAccess>]
type TerminalValues =
    /// The exact value of the base policy.
    | Exact
    /// In each state the largest exact value of the base policy, the greedy policy, and the one that keeps every
    /// configuration (parallel rollout).
    | Best
    /// One value per state.
    | Given of source: string * values: float[]

/// How Q-factors are sampled: the base policy is followed for some steps, and from there on the terminal values stand.
type SampledSettings =
    {
        Base: PlannedBase
        Terminal: TerminalValues
        /// Steps of the base policy after the action, at least 0.
        Steps: int
        /// Trajectories of each action, at least 1.
        Trajectories: int
        /// All chance comes from it.
        Seed: uint64
        /// When an action gets no more trajectories; none: all get as many. Where all actions are compared at once.
        Screening: Screening option
        /// The best action is taken only where its gain over the base action exceeds this many standard errors, at least 0;
        /// none: always (fortified rollout).
        StandardErrors: float option
        /// Threads at work, at least 1; the result does not depend on it.
        Threads: int
    }

/// How far one looks ahead, and what from there.
type LookaheadSettings =
    {
        /// Steps, at least 1.
        Horizon: int
        Base: PlannedBase
        Terminal: TerminalValues
    }

[<RequireQualifiedAccess>]
type PlanAlgorithm =
    /// Sweeps until no value changes by theta (above 0) or more, at most so many (1 or more).
    | ValueIteration of sweeps: Sweeps * theta: float * mostSweeps: int
    | PolicyIteration
    /// Value iteration with so many sweeps (0 or more) of the greedy policy's evaluation after each sweep, until no value
    /// changes by theta (above 0) or more, at most so many (1 or more).
    | ModifiedPolicyIteration of evaluations: int * theta: float * mostSweeps: int
    /// Over all actions at once, whatever the terminal values.
    | Lookahead of LookaheadSettings
    /// Lookahead whose terminal values stand for the base policy's.
    | Rollout of LookaheadSettings
    /// One control after another, never worse than a base policy whose exact value stands at the leaves.
    | Multiagent of LookaheadSettings
    /// One-step rollout of the base policy, as a Newton step.
    | Newton of PlannedBase
    /// One-step rollout over all actions at once, by simulation.
    | SampledRollout of SampledSettings
    /// One-step rollout, one control after another, by simulation.
    | SampledMultiagent of SampledSettings

/// What is to be planned.
type PlanRequest =
    {
        Algorithm: PlanAlgorithm
        /// The states to decide in; none: all.
        States: int[] option
    }

/// What was decided in one state.
type PlanDecision =
    {
        State: int
        /// The number of the action; where all actions were compared, the first of the best.
        Action: int
        /// Its Q-factor.
        Value: float
        /// Of every action of the grid; none for a masked one, or one that was not sampled.
        QFactors: float voption[]
        /// Of each of these, where they were sampled more than once; otherwise empty.
        StandardErrors: float voption[]
    }

/// How the values were found.
[<RequireQualifiedAccess>]
type PlanSolution =
    | Swept of SweptValues
    | Iterated of PolicyIteration
    /// The exact value of the base policy.
    | OfBase
    /// The largest exact value of several policies.
    | OfBest
    | Given

/// What was planned.
type PlanResult =
    {
        Request: PlanRequest
        Solution: PlanSolution
        /// The values computed (value and policy iteration) or those at the leaves, one per state.
        Values: float[]
        /// One per requested state, in the order requested.
        Decisions: PlanDecision[]
        /// One per decision where a Newton step was asked for, otherwise empty.
        NewtonSteps: NewtonStep[]
    }
