namespace OnlinePolicyAdaptation.Service

open System
open System.Text
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// A cycle as the journal keeps it, read.
type JournalRow =
    {
        Cycle: int
        Interval: Interval
        Mode: string
        By: string
        /// Moves of the controls, and those of the base policy.
        Action: int[]
        BaseAction: int[]
        /// The node that was to be probed.
        Probe: string option
        /// Values of the controls that the action leads to.
        Target: float[]
        QFactor: float option
        BaseQFactor: float option
        Reward: float option
        Error: float option
        ModelVersion: int option
        /// The service that showed a change of the system.
        Change: string option
        /// Rules of the guard that fired.
        Rules: string list
        Errors: string list
    }

    /// How much more was expected of what went out than of the base policy's action; none where a rule or a probe changed what was planned.
    member row.Gain =
        if row.Rules.IsEmpty && row.Probe.IsNone then
            Option.map2 (-) row.QFactor row.BaseQFactor
        else
            None

[<RequireQualifiedAccess>]
module JournalRow =

    let private (|Field|_|) (name: string) (element: JsonElement) =
        match element.TryGetProperty name with
        | true, value -> Some value
        | false, _ -> None

    let private number (element: JsonElement) name =
        match element with
        | Field name value -> Some(value.GetDouble())
        | _ -> None

    let private items (element: JsonElement) name (read: JsonElement -> string) =
        match element with
        | Field name value -> [ for item in value.EnumerateArray() -> read item ]
        | _ -> []

    let private text (element: JsonElement) = string (element.GetString())

    let private controls (system: SystemDescription) (element: JsonElement) (read: JsonElement -> 'a) =
        [|
            for control in system.Grid.Controls -> read (element.GetProperty control.Name)
        |]

    let private ofDecision system cycle interval (decision: JsonElement) =
        let moves (name: string) =
            controls system (decision.GetProperty name) _.GetInt32()

        {
            Cycle = cycle
            Interval = interval
            Mode = text (decision.GetProperty "mode")
            By = text (decision.GetProperty "by")
            Action = moves "action"
            BaseAction = moves "base"
            Probe =
                match decision with
                | Field "probe" node -> Some(text node)
                | _ -> None
            Target = controls system (decision.GetProperty "controls") _.GetDouble()
            QFactor = number decision "qFactor"
            BaseQFactor = number decision "baseQFactor"
            Reward = number decision "reward"
            Error = number decision "error"
            ModelVersion =
                match decision with
                | Field "model" model -> Some(model.GetProperty("version").GetInt32())
                | _ -> None
            Change =
                match decision with
                | Field "change" change -> Some(text (change.GetProperty "service"))
                | _ -> None
            Rules = items decision "guard" (fun rule -> text (rule.GetProperty "rule"))
            Errors = items decision "errors" text
        }

    /// The row of an entry, or what is wrong with it.
    let read (system: SystemDescription) (reader: IntervalReader) (entry: JournalEntry) =
        match reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes entry.Interval)) with
        | Error fault -> Error $"cycle {entry.Cycle}: interval: {fault.Reason}"
        | Ok interval ->
            DecisionJson.kept entry.Decision (ofDecision system entry.Cycle interval)
            |> Result.mapError (fun reason -> $"cycle {entry.Cycle}: decision: {reason}")
