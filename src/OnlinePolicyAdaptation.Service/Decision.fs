namespace OnlinePolicyAdaptation.Service

open System
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// What a controller may do with what it decides.
[<RequireQualifiedAccess>]
type Mode =
    /// It acts.
    | Act
    /// It decides and records, and nothing is done.
    | Shadow
    /// The base policy acts; no model is estimated.
    | Base

/// Who chose an action.
[<RequireQualifiedAccess>]
type Author =
    | Rollout
    | BasePolicy
    /// Nobody: the configuration is held.
    | Nobody

/// What goes out after an interval, and why.
type Decision =
    {
        Time: DateTimeOffset
        Mode: Mode
        /// What was planned, before the guard looked at it.
        Record: CycleRecord
        Author: Author
        /// What the guard let through.
        Action: ControlAction
        /// The configuration it leads to.
        Target: Configuration
        Rules: GuardRule list
        /// Of the last predictions: mean absolute error over mean response time.
        Error: float voption
    }

/// A decision on its way out.
type Outgoing =
    {
        Cycle: int
        IdempotencyKey: string
        Mode: Mode
        Action: ControlAction
        Target: Configuration
        /// `DecisionJson`.
        Text: string
    }
