namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Planning

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

/// Which of the response times that are thought possible is planned with.
[<RequireQualifiedAccess>]
type Outlook =
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
        Outlook: Outlook
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

/// All that a controller is told beforehand.
type ControllerSettings =
    {
        Grid: ControlGrid
        Reward: RewardFunction
        Discount: Discount
        BasePolicy: IPolicy<SystemState, ControlAction>
        Planner: Planner
        Estimation: EstimationSettings
    }

/// One measurement that the system model learns from.
type Sample =
    {
        Configuration: Configuration
        OfferedLoads: EquatableArray<RequestRate>
        /// Mean response time of every service.
        ResponseTimes: EquatableArray<ResponseTime>
    }

/// Expected trouble in a cycle. Each case is recorded and says what the cycle does instead.
[<RequireQualifiedAccess>]
type CycleError =
    /// A service answered nothing, so its response time is unknown. The last model is kept and planned with.
    | IncompleteMetrics of service: int
    /// The metrics contradict the settings. They are not learned from, and the configuration is held.
    | UnusableMetrics of reason: string
    /// The configuration has just changed, and the metrics may show both. They are not learned from, and it is held.
    | Settling
    /// Too little was measured to estimate a model. The base policy acts.
    | TooFewSamples of available: int * required: int
    /// The estimated model cannot be planned with. The base policy acts.
    | UnusableModel of reason: string

/// The managed system was seen to change.
type DetectedChange =
    {
        /// The service whose response times gave it away, from 0.
        Service: int
        /// The cycle of the first measurement that is thought to be from the new system.
        Since: int
    }

/// The estimate of the managed system that is planned with.
type EstimatedModel =
    {
        ResponseTimes: CorrectedResponseTimes
        /// Measurements it was fitted to.
        Samples: int
        /// The cycle after whose metrics it was fitted; -1 for the model that a run starts with.
        FittedAt: int
    }

/// Which estimate of the system was planned with.
[<Struct>]
type ModelVersion =
    {
        /// The cycle after whose metrics it was fitted, which tells models of a run apart; -1: the one it starts with.
        FittedAt: int
        /// Measurements it was fitted to.
        Samples: int
    }

/// What one cycle decided, and all that explains it.
type CycleRecord =
    {
        Cycle: int
        /// What was measured, under the configuration in force.
        Metrics: Metrics
        /// Mean response time of every service in seconds, predicted before it was measured.
        Predicted: float[] voption
        /// The reward of the step that led to these metrics; none where a service answered nothing.
        Reward: float voption
        Action: ControlAction
        /// The configuration the action leads to.
        Next: Configuration
        /// What the base policy would have done.
        BaseAction: ControlAction
        /// The change of the system that was noticed with these metrics.
        Change: DetectedChange voption
        /// The Q-factors of the action and of the base policy's action, where rollout chose it.
        QFactor: float voption
        BaseQFactor: float voption
        /// The model that was planned with.
        Model: ModelVersion voption
        Errors: CycleError list
    }
