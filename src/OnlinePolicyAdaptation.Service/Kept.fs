namespace OnlinePolicyAdaptation.Service

open System
open System.Text
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// A decision on its way out.
type Outgoing =
    {
        Cycle: int
        /// The end of the interval it was taken on.
        Time: DateTimeOffset
        IdempotencyKey: string
        Mode: Mode
        Action: ControlAction
        Target: Configuration
        Line: Lazy<string>
    }

    /// `DecisionJson`, written when it is first asked for.
    member this.Text = this.Line.Value

/// An interval that was decided on.
type DecidedInterval =
    {
        Taken: Taken
        Decision: Decision
        Outgoing: Outgoing
    }

/// An element that has passed all stages and the journal. It holds nothing of the stages' states, so that elements which
/// wait for the disk are small.
type Kept =
    {
        Element: Element<Decision>
        /// Where it is an interval.
        Decided: DecidedInterval voption
        /// The model that was put in place with it.
        Model: JournalModel voption
        /// Where it is an operator's command.
        Ordered: JournalCommand voption
        /// How long the step of each stage has taken, by their names, the last stage first.
        Durations: (struct (string * TimeSpan)) list
    }

[<RequireQualifiedAccess>]
module Kept =

    let private outgoing name system (decision: Decision) : Outgoing =
        {
            Cycle = decision.Record.Cycle
            Time = decision.Time
            IdempotencyKey = DecisionJson.idempotencyKey name decision.Time
            Mode = decision.Mode
            Action = decision.Action
            Target = decision.Target
            Line = lazy Encoding.UTF8.GetString(DecisionJson.write name system decision)
        }

    let private model fittedAt installedAt (samples: int) (duration: TimeSpan) error : JournalModel =
        {
            FittedAt = fittedAt
            InstalledAt = installedAt
            Samples = samples
            RefitSeconds = duration.TotalSeconds
            Error = error
        }

    /// The model that was put in place with an element.
    let private installed cycle (element: Element<Decision>) passing =
        match element with
        | Element.Interval(taken, ({ Refit = ValueSome(Ok version) } as decision)) ->
            let duration = Chain.durationOf Estimate.name passing
            ValueSome(model taken.Cycle taken.Cycle version.Samples duration decision.Error)
        | Element.Event(Event.Refitted {
                                           Model = Ok fitted
                                           FittedAt = fittedAt
                                           Duration = duration
                                       }) ->
            let state = Cycle.stateOf passing
            let error = PredictionErrors.nmae (Cycle.estimator cycle state).Errors
            ValueSome(model fittedAt (Cycle.number cycle state) fitted.Estimate.Samples duration error)
        | _ -> ValueNone

    /// `name` is the controller's, in idempotency keys.
    let ofPassing name system (cycle: Cycle) (passing: Passing) =
        let element = Chain.output cycle.Deciding passing

        {
            Element = element
            Model = installed cycle element passing
            Ordered =
                match element with
                | Element.Event(Event.Commanded command) ->
                    ValueSome
                        {
                            Cycle = Cycle.number cycle (Cycle.stateOf passing)
                            Command = command
                        }
                | _ -> ValueNone
            Durations = Chain.durations passing
            Decided =
                match element with
                | Element.Interval(taken, decision) ->
                    ValueSome
                        {
                            Taken = taken
                            Decision = decision
                            Outgoing = outgoing name system decision
                        }
                | Element.Event _ -> ValueNone
        }

    /// A decision of a journal, to be sent again, or what is wrong with it.
    let outgoingOf (system: SystemDescription) cycle (text: string) =
        DecisionJson.kept text (fun decision ->
            let level (control: Control) (value: System.Text.Json.JsonElement) =
                (control.Level(value.GetDouble())).GetValueOrDefault -1

            {
                Cycle = cycle
                Time = decision.GetProperty("time").GetDateTimeOffset()
                IdempotencyKey = string (decision.GetProperty("idempotencyKey").GetString())
                Mode = DecisionJson.modeIn decision
                Action = DecisionJson.actionIn system decision
                Target = Configuration(DecisionJson.ofControls system (decision.GetProperty "controls") level)
                Line = lazy text
            })

    /// Whether it came of an element of the source.
    let isTurn kept =
        match kept.Element with
        | Element.Interval _
        | Element.Event(Event.Rejected _ | Event.AlreadyKnown _ | Event.Failed _) -> true
        | Element.Event(Event.Refitted _ | Event.Commanded _) -> false
