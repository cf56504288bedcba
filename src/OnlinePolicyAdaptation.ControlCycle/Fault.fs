namespace OnlinePolicyAdaptation.ControlCycle

/// Why an element of a stream of metrics cannot be used.
[<RequireQualifiedAccess>]
type FaultKind =
    /// Not an interval at all.
    | Unparsable
    /// A value is missing, or not a finite number in its range.
    | BadValue
    /// A control or service that the system does not have.
    | UnknownName
    /// A value of a control that is not on its grid.
    | ImpossibleConfiguration
    /// A number that no system like ours can have measured.
    | Implausible
    /// Its time is before the last interval's.
    | Backwards
    /// Its time is later than now.
    | FromTheFuture
    /// Its time is far from the last interval's, and no other interval is near it yet.
    | Jump
    /// It could not be monitored, which is a fault of the program.
    | Poisonous

type Fault =
    {
        Kind: FaultKind
        /// Place, value, and what was expected.
        Reason: string
    }
