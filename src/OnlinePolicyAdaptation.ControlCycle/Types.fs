namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Planning

/// How the system model is estimated from what was measured.
type EstimationSettings =
    {
        Forest: ForestOptions
        /// The newest samples kept of each configuration and load step; at least 1. Older ones are forgotten, so that a
        /// configuration that was measured again after a change is soon known as it is now.
        SamplesPerConfiguration: int
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
    /// Too little was measured to estimate a model. The base policy acts.
    | TooFewSamples of available: int * required: int
    /// The estimated model cannot be planned with. The base policy acts.
    | UnusableModel of reason: string

/// The estimate of the managed system that is planned with.
type EstimatedModel =
    {
        ResponseTimes: IResponseTimeModel
        /// Distinct measurements it was fitted to.
        Samples: int
        /// The cycle after whose metrics it was fitted; -1 for the model that a run starts with.
        FittedAt: int
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
        /// The Q-factor of the action, where rollout chose it.
        QFactor: float voption
        Errors: CycleError list
    }
