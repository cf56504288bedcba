namespace OnlinePolicyAdaptation.ControlCycle

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// One measurement that the system model learns from.
type Sample =
    {
        Configuration: Configuration
        OfferedLoads: EquatableArray<RequestRate>
        /// Mean response time of every service; NaN: no news of it.
        ResponseTimes: EquatableArray<ResponseTime>
    }

/// Expected trouble in a cycle. Each case is recorded and says what the cycle does instead.
[<RequireQualifiedAccess>]
type CycleError =
    /// A service answered nothing, so its response time is unknown. Nothing is learned of it.
    | IncompleteMetrics of service: int
    /// A service lost more of its requests than its objective allows. It misses its objective, and that is learned.
    | RequestsLost of service: int * share: float
    /// A service answers nothing, though it is offered requests, for so long. That is learned as the longest response time that
    /// is plausible.
    | Outage of service: int * seconds: float
    /// The metrics contradict the settings. They are not learned from, and the configuration is held.
    | UnusableMetrics of reason: string
    /// The configuration has just changed, and the metrics may show both. They are not learned from, and it is held.
    | Settling
    /// Too little was measured to estimate a model. The base policy acts.
    | TooFewSamples of available: int * required: int
    /// The estimated model cannot be planned with. The base policy acts.
    | UnusableModel of reason: string
    /// A stage has failed, which is a fault of the program. The configuration is held.
    | StageFailed of stage: string * reason: string

/// The managed system was seen to change.
type DetectedChange =
    {
        /// The service whose response times gave it away, from 0.
        Service: int
        /// The cycle of the first measurement that is thought to be from the new system.
        Since: int
    }

/// By how many intervals response times are thought to lag behind the configuration that they are reported with.
[<Struct>]
type ToldLag =
    {
        Intervals: int
        /// It was another one before this interval.
        IsNew: bool
        /// Whether samples are labelled by it.
        IsFollowed: bool
    }

/// The estimate of the managed system that is planned with.
type EstimatedModel =
    {
        ResponseTimes: IResponseTimeModel
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
        /// The node that was to be probed: the action looks at it in place of the plan.
        Probe: int voption
        /// The change of the system that was noticed with these metrics.
        Change: DetectedChange voption
        /// The Q-factors of the action and of the base policy's action, where rollout chose it.
        QFactor: float voption
        BaseQFactor: float voption
        /// The model that was planned with.
        Model: ModelVersion voption
        Errors: CycleError list
    }
