namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open OnlinePolicyAdaptation.ControlCycle

/// An interval and the decision on it, as they are kept.
type JournalEntry =
    {
        Cycle: int
        /// End of the interval.
        Time: DateTimeOffset
        /// The number of the element in its source.
        Position: int64
        /// `IntervalJson` and `DecisionJson`.
        Interval: string
        Decision: string
    }

/// A model that was put in place.
type JournalModel =
    {
        /// The cycle after whose metrics it was fitted.
        FittedAt: int
        /// The cycle that first planned with it; later than `FittedAt` where it was fitted beside the cycles.
        InstalledAt: int
        Samples: int
        RefitSeconds: float
        /// Of the last predictions before it.
        Error: float voption
    }

/// An operator's command.
type JournalCommand =
    {
        /// The first cycle that was decided on after it.
        Cycle: int
        Command: Command
    }

/// What is written together.
type JournalTransaction =
    {
        Entries: JournalEntry seq
        Models: JournalModel seq
        /// In the order in which they were given.
        Commands: JournalCommand seq
        /// The cycle that comes next after it, and its bytes.
        Checkpoint: struct (int * byte[]) voption
    }

/// What became of a decision that was to go out.
[<RequireQualifiedAccess>]
type Fate =
    | Delivered
    /// A newer decision went out in its place.
    | Superseded
    /// It was too old to be sent.
    | Stale
    /// Its receiver did not want it.
    | Refused
    /// Its receiver could not be reached in time.
    | GaveUp

    static member All = [ Fate.Delivered; Fate.Superseded; Fate.Stale; Fate.Refused; Fate.GaveUp ]

    /// The word in a journal.
    member this.Word =
        match this with
        | Delivered -> "delivered"
        | Superseded -> "superseded"
        | Stale -> "stale"
        | Refused -> "refused"
        | GaveUp -> "gaveUp"

/// The fate of a cycle's decision.
type DecisionOutcome =
    {
        Cycle: int
        Fate: Fate
        Time: DateTimeOffset
        /// Empty where there is nothing to say.
        Reason: string
    }

/// How often something happened that is no decision, such as a failed refit.
type JournalTally =
    {
        Kind: string
        Count: int64
        /// When it happened last, and why.
        Last: DateTimeOffset
        Reason: string
    }

/// Whose journal it is.
type JournalIdentity =
    {
        /// Scenario and options, by which a reader finds its settings again.
        Description: string
        /// Of all settings that decisions depend on.
        Fingerprint: string
        /// What is different in the settings of another journal's description.
        Differences: string -> string
    }

/// The journal cannot be read or written now. Nothing of what was asked for has happened, or all of it; it may be asked for
/// again later.
type JournalUnavailable(reason: string, cause: exn | null) =
    inherit IOException(reason, cause)
