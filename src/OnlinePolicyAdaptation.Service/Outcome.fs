namespace OnlinePolicyAdaptation.Service

/// What became of an element of a stream of metrics.
[<RequireQualifiedAccess>]
type Outcome =
    /// It was taken in: journaled and decided on.
    | Accepted
    /// An interval of this time was taken in before, in this run of the controller or an earlier one: a poster who repeats
    /// itself is told the same, whether or not the controller was started anew in between.
    | AlreadyKnown
    /// It cannot be used.
    | Quarantined of reason: string
    /// Not taken in: it should be sent again later.
    | Busy
