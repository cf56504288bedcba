namespace OnlinePolicyAdaptation.Scenarios

open System

/// What a text of a scenario file is about.
type TextKind =
    | Any = 0
    /// A name that the file gives to something; it may stand in file names and column headers.
    | Name = 1
    /// The name of a service, a node or a control of the file.
    | Service = 2
    | Node = 3
    | Control = 4
    /// A PromQL query.
    | Query = 5
    /// A way to forget, as in `relevance:30`.
    | Forgetting = 6
    /// A bound of response times, as in `optimistic:0.6`.
    | ResponseTimeBound = 7

/// What a field of a scenario file means and may hold. JSON Schema, checks and the reading of defaults are made from it. Where
/// the field is an array, ranges and kinds are of its innermost elements.
[<AttributeUsage(AttributeTargets.Property)>]
type FieldAttribute(description: string) =
    inherit Attribute()

    member _.Description = description
    /// The least value, itself allowed.
    member val Lowest = nan with get, set
    /// Values are above this.
    member val Above = nan with get, set
    /// The greatest value, itself allowed.
    member val Highest = nan with get, set
    /// Values are below this.
    member val Below = nan with get, set
    /// Taken where the field is left out, as JSON; empty: the field is required, or it is an option.
    member val Default = "" with get, set
    /// The words that a text may be, with spaces between them.
    member val Words = "" with get, set
    member val Kind = TextKind.Any with get, set
    /// Of an array, the outermost one.
    member val LeastItems = 0 with get, set
    member val MostItems = Int32.MaxValue with get, set
    /// Of a map: what its names are of.
    member val Keys = TextKind.Any with get, set

/// A record of which exactly one of these fields is set; their names have spaces between them.
[<AttributeUsage(AttributeTargets.Class)>]
type ExactlyOneAttribute(fields: string) =
    inherit Attribute()
    member _.Fields = fields.Split ' '
