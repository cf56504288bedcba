namespace OnlinePolicyAdaptation.Service

/// What became of an element of a stream of metrics.
[<RequireQualifiedAccess>]
type Outcome =
    /// It was taken in: journaled and decided on.
    | Accepted
    /// It was taken in before.
    | AlreadyKnown
    /// It cannot be used.
    | Quarantined of reason: string
    /// Not taken in: it should be sent again later.
    | Busy
