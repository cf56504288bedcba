namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// What an operator wants of the controller.
[<RequireQualifiedAccess>]
type Order =
    /// Hold the configuration in force; until a time, or until it is taken back.
    | Hold of until: DateTimeOffset voption
    /// Take back what was ordered.
    | Resume

    /// The word for it.
    member this.Word =
        match this with
        | Hold _ -> "hold"
        | Resume -> "resume"

    /// As an operator reads it.
    member this.Text =
        match this with
        | Hold(ValueSome until) -> $"hold until {until.UtcDateTime:O}"
        | Hold ValueNone
        | Resume -> this.Word

/// An order, and who gave it when.
type Command =
    {
        Order: Order
        By: string
        Time: DateTimeOffset
    }

/// What a model is to be fitted to, beside the decisions.
type RefitRequest =
    {
        /// The cycle after whose metrics it is asked for.
        Cycle: int
        Estimator: Estimator
        /// The loads to plan for ahead.
        Loads: EquatableArray<RequestRate>
    }

/// A step that failed, which is a fault of the program. Failures are alike where the same stage failed with the same message.
[<CustomEquality; NoComparison>]
type StageFailure =
    {
        Stage: string
        Exception: exn
    }

    /// Without the stack, which no two exceptions share.
    member private this.Told =
        struct (this.Stage, this.Exception.GetType(), this.Exception.Message)

    override this.Equals other =
        match other with
        | :? StageFailure as other -> this.Told = other.Told
        | _ -> false

    override this.GetHashCode() = hash this.Told

/// The outcome of a refit.
type Refit =
    {
        /// The cycle after whose metrics the model was fitted.
        FittedAt: int
        /// An error: there is none, and the last one stays.
        Model: Result<FittedModel, CycleError>
        /// Made ahead on the model.
        Plans: Plans
        /// How long fitting and planning took.
        Duration: TimeSpan
        /// Where it failed by a fault of the program.
        Failure: StageFailure voption
    }

/// What a decision of the journal came to.
type WentOut =
    {
        Action: ControlAction
        /// The node that was to be probed.
        Probe: int voption
    }

/// What a controller is given, one after the other.
[<RequireQualifiedAccess>]
type Input =
    /// An element of the source; the time by the clock, where the times of intervals are real.
    | Arrived of Arrival * now: DateTimeOffset voption
    /// A model that was fitted beside.
    | Refitted of Refit
    | Commanded of Command
    /// An interval of a journal once more, and what went out after it.
    | Replayed of Arrival * Interval * WentOut

/// An interval that was taken in.
type Taken =
    {
        /// The number of its cycle.
        Cycle: int
        Interval: Interval
        Arrival: Arrival
        /// The time since its end when it came, where that is known.
        Age: TimeSpan voption
        /// What went out after it, where it is replayed.
        Replayed: WentOut voption
    }

/// What is no interval to decide on.
[<RequireQualifiedAccess>]
type Event =
    | Refitted of Refit
    | Commanded of Command
    /// An element that cannot be used.
    | Rejected of Arrival * Fault
    /// An element that was taken in before.
    | AlreadyKnown of Arrival
    /// An interval on which a stage has failed: the configuration is held.
    | Failed of Taken * StageFailure

/// What flows from stage to stage. A stage handles what concerns it and passes the rest on.
[<RequireQualifiedAccess>]
type Element<'content> =
    /// An interval, and what the stages so far have made of it.
    | Interval of Taken * 'content
    | Event of Event

[<RequireQualifiedAccess>]
module Element =

    /// A step on intervals; `event` changes the state by what is passed on.
    let stepWith
        (interval: 'state -> Taken -> 'input -> struct ('state * 'output))
        (event: 'state -> Event -> 'state)
        (state: 'state)
        (element: Element<'input>)
        : struct ('state * Element<'output>) =
        match element with
        | Element.Interval(taken, content) ->
            let struct (next, output) = interval state taken content
            struct (next, Element.Interval(taken, output))
        | Element.Event passed -> struct (event state passed, Element.Event passed)

    /// A step on intervals; all else is passed on.
    let step interval state element =
        stepWith interval (fun state _ -> state) state element

    /// What becomes of an element on which a stage has failed.
    let fail failure (element: Element<'input>) : Element<'output> =
        match element with
        | Element.Interval(taken, _) -> Element.Event(Event.Failed(taken, failure))
        | Element.Event passed -> Element.Event passed
