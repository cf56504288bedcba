/// Decisions as lines of JSON; the format is described in SCHEMA.md.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.DecisionJson

open System
open System.Buffers
open System.Collections.Generic
open System.Text.Json
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// The word for a mode.
let mode =
    function
    | Mode.Act -> "act"
    | Mode.Shadow -> "shadow"
    | Mode.Base -> "base"

/// The word for who chose an action.
let decidedBy =
    function
    | DecidedBy.Rollout -> "rollout"
    | DecidedBy.BasePolicy -> "base"
    | DecidedBy.Probe -> "probe"
    | DecidedBy.Nobody -> "nobody"

/// An error as an operator reads it.
let error (services: string seq) =
    function
    | CycleError.IncompleteMetrics service -> $"{Seq.item service services} answered nothing: nothing is learned of it"
    | CycleError.RequestsLost(service, share) ->
        $"{Seq.item service services} loses {share * 100.0:N0} %% of its requests: it misses its objective"
    | CycleError.Outage(service, seconds) ->
        $"{Seq.item service services} has answered nothing for {seconds:N0} s, though requests are offered"
    | CycleError.UnusableMetrics reason -> $"unusable metrics: {reason}"
    | CycleError.Settling -> "the configuration has just changed: these metrics are not learned from"
    | CycleError.TooFewSamples(available, required) ->
        $"{available} samples, {required} are needed for a model: the base policy acts"
    | CycleError.UnusableModel reason -> $"the model cannot be planned with: {reason}"
    | CycleError.StageFailed(stage, reason) -> $"{stage} has failed, a fault of the program: {reason}"

/// The key under which a receiver knows a decision that is sent again; the same for the same interval.
let idempotencyKey (controller: string) (time: DateTimeOffset) =
    let utc = time.UtcDateTime
    $"{controller}/{utc:O}"

let private writeMoves (writer: Utf8JsonWriter) (name: string) (grid: ControlGrid) (action: ControlAction) =
    writer.WriteStartObject name

    for i in 0 .. grid.Controls.Count - 1 do
        writer.WriteNumber(grid.Controls[i].Name, action.Moves[i])

    writer.WriteEndObject()

/// Nothing is written where there is no number.
let private writeOption (writer: Utf8JsonWriter) (name: string) (value: float voption) =
    match value with
    | ValueSome value when Double.IsFinite value -> writer.WriteNumber(name, value)
    | _ -> ()

let private writeRule (writer: Utf8JsonWriter) (grid: ControlGrid) (fired: FiredRule) =
    writer.WriteStartObject()
    writer.WriteString("rule", fired.Rule)

    match fired.Control with
    | ValueSome control -> writer.WriteString("control", grid.Controls[control].Name)
    | ValueNone -> ()

    match fired.Measured with
    | ValueSome(struct (quantity, value)) -> writeOption writer quantity (ValueSome value)
    | ValueNone -> ()

    writer.WriteEndObject()

let private writeModel (writer: Utf8JsonWriter) cycle (model: ModelVersion) =
    writer.WriteStartObject "model"
    writer.WriteNumber("version", model.FittedAt)
    writer.WriteNumber("age", cycle - model.FittedAt)
    writer.WriteNumber("samples", model.Samples)
    writer.WriteEndObject()

let private writeTrouble (writer: Utf8JsonWriter) (system: SystemDescription) (decision: Decision) =
    if not decision.Rules.IsEmpty then
        writer.WriteStartArray "guard"

        for rule in decision.Rules do
            writeRule writer system.Grid rule

        writer.WriteEndArray()

    if not decision.Record.Errors.IsEmpty then
        writer.WriteStartArray "errors"

        for trouble in decision.Record.Errors do
            writer.WriteStringValue(error system.Topology.Services trouble)

        writer.WriteEndArray()

/// UTF-8 without a line end.
let write (controller: string) (system: SystemDescription) (decision: Decision) =
    let record = decision.Record
    let grid = system.Grid
    let buffer = ArrayBufferWriter<byte> 512
    use writer = new Utf8JsonWriter(buffer)
    writer.WriteStartObject()
    writer.WriteString("time", decision.Time.UtcDateTime)
    writer.WriteNumber("cycle", record.Cycle)
    writer.WriteString("idempotencyKey", idempotencyKey controller decision.Time)
    writer.WriteString("mode", mode decision.Mode)
    writer.WriteString("by", decidedBy decision.By)
    writeMoves writer "action" grid decision.Action
    IntervalJson.writeControls writer "controls" grid decision.Target
    writeMoves writer "planned" grid record.Action
    writeMoves writer "base" grid record.BaseAction

    match record.Probe with
    | ValueSome node -> writer.WriteString("probe", system.Topology.Nodes[node])
    | ValueNone -> ()

    writeOption writer "qFactor" record.QFactor
    writeOption writer "baseQFactor" record.BaseQFactor
    writeOption writer "reward" record.Reward
    writeOption writer "error" decision.Error
    writeOption writer "gapSeconds" (decision.Gap |> ValueOption.map _.TotalSeconds)

    match decision.Lag with
    | ValueSome lag when lag.Intervals > 0 -> writer.WriteNumber("lagIntervals", lag.Intervals)
    | _ -> ()

    match record.Model with
    | ValueSome model -> writeModel writer record.Cycle model
    | ValueNone -> ()

    match record.Change with
    | ValueSome change ->
        writer.WriteStartObject "change"
        writer.WriteString("service", system.Topology.Services[change.Service])
        writer.WriteNumber("since", change.Since)
        writer.WriteEndObject()
    | ValueNone -> ()

    writeTrouble writer system decision
    writer.WriteEndObject()
    writer.Flush()
    buffer.WrittenSpan.ToArray()

let internal kept (text: string) (read: JsonElement -> 'a) =
    try
        use document = JsonDocument.Parse(text, StrictJson.DocumentOptions)
        Ok(read document.RootElement)
    with
    | :? JsonException
    | :? KeyNotFoundException
    | :? InvalidOperationException
    | :? FormatException
    | :? ArgumentException as e -> Error $"not a decision of this controller: {e.Message}"

let internal ofControls (system: SystemDescription) (element: JsonElement) (read: Control -> JsonElement -> int) =
    system.Grid.Controls
    |> Seq.map (fun control -> read control (element.GetProperty control.Name))
    |> EquatableArray.ToEquatableArray

let internal actionIn system (decision: JsonElement) =
    ControlAction(ofControls system (decision.GetProperty "action") (fun _ move -> move.GetInt32()))

let internal modeIn (decision: JsonElement) =
    match decision.GetProperty("mode").GetString() with
    | "act" -> Mode.Act
    | "base" -> Mode.Base
    | _ -> Mode.Shadow

let private probeIn (system: SystemDescription) (decision: JsonElement) =
    match decision.TryGetProperty "probe" with
    | true, name ->
        system.Topology.Nodes
        |> Seq.tryFindIndex (fun node -> name.ValueEquals(node: string))
        |> Option.toValueOption
    | _ -> ValueNone

/// What a decision that was kept came to, or what is wrong with it.
let wentOut system (text: string) =
    kept text (fun decision ->
        {
            Action = actionIn system decision
            Probe = probeIn system decision
        })
