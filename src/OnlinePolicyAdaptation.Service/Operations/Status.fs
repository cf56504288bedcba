namespace OnlinePolicyAdaptation.Service

open System
open System.Text.Json
open System.Threading
open OnlinePolicyAdaptation.ControlCycle

/// An operator's order, as JSON.
type OrderReply =
    {
        /// `hold` or `resume`.
        Order: string
        /// In UTC; none: until it is taken back.
        Until: DateTime option
        /// Who gave it, and when, in UTC.
        By: string
        Time: DateTime
    }

[<RequireQualifiedAccess>]
module OrderReply =

    let ofCommand (command: Command) =
        {
            Order = command.Order.Word
            Until =
                match command.Order with
                | Order.Hold(ValueSome until) -> Some until.UtcDateTime
                | Order.Hold ValueNone
                | Order.Resume -> None
            By = command.By
            Time = command.Time.UtcDateTime
        }

/// What the controller is and does, as JSON with names in camelCase.
type StatusReply =
    {
        Scenario: string
        /// As in a decision.
        Mode: string
        /// As `/readyz` says, with its reasons.
        Ready: bool
        NotReady: string list
        /// To hold, where that is ordered.
        Order: OrderReply option
        /// The last decision, as it went out.
        Decision: JsonElement option
    }

/// The present state of a controller, for those who look at it. Safe from any thread.
[<Sealed>]
type Status(scenario: string, mode: Mode, readiness: unit -> Readiness, commands: PostedCommands) =
    /// Whether it still holds for what comes after the last decision.
    static let isInForce (latest: Outgoing option) (command: Command) =
        match command.Order, latest with
        | Order.Hold(ValueSome until), Some decision -> decision.Time < until
        | _ -> true

    let mutable latest: Outgoing option = None

    /// Is told of each decision that is kept.
    member _.Decided(decision: Outgoing) = Volatile.Write(&latest, Some decision)

    member _.Now: StatusReply =
        let readiness = readiness ()
        let latest = Volatile.Read &latest

        {
            Scenario = scenario
            Mode = DecisionJson.mode mode
            Ready = readiness.IsReady
            NotReady =
                match readiness with
                | Readiness.Ready -> []
                | Readiness.NotReady reasons -> List.ofArray (reasons.Split '\n')
            Order =
                commands.Standing
                |> Option.filter (isInForce latest)
                |> Option.map OrderReply.ofCommand
            Decision = latest |> Option.map (fun decision -> JsonElement.Parse decision.Text)
        }
