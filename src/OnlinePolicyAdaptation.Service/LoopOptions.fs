namespace OnlinePolicyAdaptation.Service

open System
open System.Collections.Generic
open System.Threading
open System.Threading.Tasks

/// Brings decisions to where they are wanted, in their order; those that could not be brought there, and why.
type Deliver = IReadOnlyList<Outgoing> -> CancellationToken -> Task<struct (Outgoing * string) list>

/// What an onlooker is told as it happens, by the stage that does it.
type Watch =
    {
        /// A decision and the time from its interval's arrival until it was on the disk.
        Decided: Decision -> TimeSpan -> unit
        Refitted: JournalModel -> unit
        /// A refit beside the decisions that went wrong, from its own thread; the last model stays.
        RefitFailed: string -> unit
        Quarantined: Fault -> unit
        AlreadyKnown: unit -> unit
        /// A decision that could not be delivered, and why.
        Undelivered: Outgoing -> string -> unit
    }

/// What has happened since the start.
type Counts =
    {
        Decisions: int64
        Refits: int64
        Quarantined: int64
        AlreadyKnown: int64
        Undelivered: int64
    }

type LoopOptions =
    {
        Controller: ControllerOptions
        /// Names the controller in idempotency keys.
        Name: string
        Vocabulary: Vocabulary
        Clock: Clock
        /// In real time: a plan that takes longer is replaced by the base policy's action.
        Deadline: TimeSpan
        Journal: Journal voption
        /// Cycles that the journal keeps.
        Retention: int
        Quarantine: Quarantine voption
        Deliver: Deliver
        Watch: Watch
        Time: TimeProvider
    }
