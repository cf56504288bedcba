namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Planning

/// What is done once an outage has lasted for its time.
[<RequireQualifiedAccess>]
type OutageAction =
    /// The configuration of most capacity inside the bounds is approached.
    | Most
    /// The configuration is held.
    | Hold
    /// The base policy acts, but takes no capacity away.
    | Base

    /// The word in scenarios.
    member this.Name =
        match this with
        | Most -> "most"
        | Hold -> "hold"
        | Base -> "base"

/// What is done while a service answers nothing, though it is offered requests.
type OutageSettings =
    {
        Action: OutageAction
        /// It is done once the outage has lasted so long; until then no capacity is taken away.
        After: TimeSpan
    }

/// How often a node may be looked at that has no requests, and what that may cost.
type ProbeSettings =
    {
        /// The share of the cycles in which a probe may go out; from 0 to 1, 0: never.
        Share: float
        /// By what share of its bound a service may be expected to miss it meanwhile; at least 0.
        MaximumMiss: float
    }

/// What an operator allows a controller to do, whatever it has planned.
type GuardSettings =
    {
        /// The lowest and highest level of each control, in the grid's order.
        Bounds: struct (int * int)[]
        /// The lowest and highest level of each control that may be explored.
        Explored: struct (int * int)[]
        Probes: ProbeSettings
        /// At most so many moves of a control within `StabilisationWindow`; at least 1.
        MaximumChanges: int
        StabilisationWindow: TimeSpan
        /// Where the base policy acts in place of a plan, no control is moved back within so many cycles of a move; at least 0.
        ReversalCycles: int
        /// No action while the last one may not have taken effect yet.
        SettlingTime: TimeSpan
        /// Metrics older than this are not acted on; where their age is known.
        MaximumAge: TimeSpan
        /// Above this mean absolute error of the predictions, over the mean response time, the base policy acts.
        MaximumError: float
        /// With a model of fewer samples the base policy acts.
        MinimumSamples: int
        Outage: OutageSettings
    }

/// Which samples the system model is fitted to, and what they weigh.
[<RequireQualifiedAccess>]
type Forgetting =
    /// All, for ever.
    | Never
    /// The newest of all samples, at least 1: a window over time.
    | Window of samples: int
    /// The newest samples of each configuration and load step, at least 1.
    | PerConfiguration of samples: int
    /// The newest samples of each configuration and load step, at least 1; and once the system was seen to change, the
    /// older ones lose weight where new measurements contradict them, and are corrected where nothing is measured yet.
    | ByRelevance of samples: int
    /// The newest samples of each configuration and load step, at least 1, of the system as it was first and as many of
    /// those taken since: what changes is the factors of the nodes, which are filtered. No sample is ever rewritten.
    | ByFactors of samples: int

/// Which of the response times that are thought possible is planned with.
[<RequireQualifiedAccess>]
type RiskAttitude =
    /// The mean.
    | Expected
    /// A lower bound of the mean, which holds with this probability (0.5 to 1): what is not known well is tried.
    | Optimistic of confidence: float
    /// An upper bound of a measurement, which holds with this probability (0.5 to 1): the noise must fit in as well.
    | Cautious of confidence: float

/// How the system model is estimated from what was measured.
type EstimationSettings =
    {
        Forest: ForestOptions
        /// Trees that are grown anew in each cycle, the oldest first; from 1 to all.
        RegrownTrees: int
        /// The model is refitted after this many samples; at least 1.
        RefitEvery: int
        Forgetting: Forgetting
        RiskAttitude: RiskAttitude
        /// Offered loads are told apart, and planned for, in multiples of this; req/s, above 0.
        LoadStep: float
        /// With fewer samples than this there is no system model; at least 1.
        MinimumSamples: int
    }

/// How an action is chosen.
[<RequireQualifiedAccess>]
type Planner =
    /// As the base policy says; no system model is estimated.
    | BasePolicy
    /// By rollout of the base policy on the estimated system model, with this lookahead horizon (at least 1).
    | Rollout of horizon: int
    /// The same, but one control is chosen after another. Of a base policy that draws its actions, one draw per
    /// configuration is improved.
    | MultiagentRollout of horizon: int

/// Which measurements are believed.
type AdmissionSettings =
    {
        /// A time that is further from the last one is doubted until the next interval goes on from there.
        MaximumGap: TimeSpan
        /// A response time above this is a fault of the measurement, in seconds.
        PlausibleSeconds: float
        /// A load above this is a fault of the measurement, in req/s.
        PlausibleLoad: float
    }

/// Which losses of requests are no longer within an objective.
type LossSettings =
    {
        /// The share of each service's requests that may be lost; above 0.
        Objectives: float[]
        /// Seconds of an interval, where neither it nor its time says so; above 0.
        IntervalSeconds: float
    }

[<RequireQualifiedAccess>]
module Admission =

    /// Everything is believed.
    let unbounded =
        {
            MaximumGap = TimeSpan.MaxValue
            PlausibleSeconds = infinity
            PlausibleLoad = infinity
        }

/// What a controller may do with what it decides.
[<RequireQualifiedAccess>]
type Mode =
    /// It acts.
    | Act
    /// It decides and records, and nothing is done.
    | Shadow
    /// The base policy acts; no model is estimated.
    | Base

/// When the model is refitted.
[<RequireQualifiedAccess>]
type Clock =
    /// Before the decision, which waits for it: decisions depend on nothing but the intervals.
    | Lockstep
    /// Beside the decisions, which never wait for it.
    | RealTime

/// The settings of a controller.
type ControllerSettings =
    {
        Grid: ControlGrid
        Reward: RewardFunction
        Discount: Discount
        BasePolicy: IPolicy<SystemState, ControlAction>
        Planner: Planner
        /// What the configurations at the end of a plan are worth.
        Leaves: LeafValues
        Estimation: EstimationSettings
        Guard: GuardSettings
        Admission: AdmissionSettings
        /// None: lost requests do not count.
        Losses: LossSettings voption
        /// Response times are taken for those of the configuration that the estimated lag says, not the one they came with.
        FollowsLag: bool
        Mode: Mode
        Clock: Clock
    }
