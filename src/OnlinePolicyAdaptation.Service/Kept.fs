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

/// An element that has passed all stages and the journal.
type Kept =
    {
        Passing: Passing
        Element: Element<Decision>
        /// Where it is an interval.
        Decided: DecidedInterval voption
    }

[<RequireQualifiedAccess>]
module Kept =

    let private outgoing name vocabulary (decision: Decision) : Outgoing =
        {
            Cycle = decision.Record.Cycle
            Time = decision.Time
            IdempotencyKey = DecisionJson.idempotencyKey name decision.Time
            Mode = decision.Mode
            Action = decision.Action
            Target = decision.Target
            Line = lazy Encoding.UTF8.GetString(DecisionJson.write name vocabulary decision)
        }

    /// `name` is the controller's, in idempotency keys.
    let ofPassing name vocabulary (cycle: Cycle) (passing: Passing) =
        let element = Chain.output cycle.Deciding passing

        {
            Passing = passing
            Element = element
            Decided =
                match element with
                | Element.Interval(taken, decision) ->
                    ValueSome
                        {
                            Taken = taken
                            Decision = decision
                            Outgoing = outgoing name vocabulary decision
                        }
                | Element.Event _ -> ValueNone
        }

    /// A decision of a journal, to be sent again, or what is wrong with it.
    let outgoingOf (vocabulary: Vocabulary) cycle (text: string) =
        DecisionJson.kept text (fun decision ->
            let level (control: Control) (value: System.Text.Json.JsonElement) =
                (control.Level(value.GetDouble())).GetValueOrDefault -1

            {
                Cycle = cycle
                Time = decision.GetProperty("time").GetDateTimeOffset()
                IdempotencyKey = string (decision.GetProperty("idempotencyKey").GetString())
                Mode = DecisionJson.modeIn decision
                Action = DecisionJson.actionIn vocabulary decision
                Target = Configuration(DecisionJson.ofControls vocabulary (decision.GetProperty "controls") level)
                Line = lazy text
            })

    /// Whether it came of an element of the source.
    let isTurn kept =
        match kept.Element with
        | Element.Interval _
        | Element.Event(Event.Rejected _ | Event.AlreadyKnown _ | Event.Failed _) -> true
        | Element.Event(Event.Refitted _ | Event.Commanded _) -> false
