/// Answers to elements of a source on which there is no decision, as lines of JSON; the format is described in SCHEMA.md.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.AnswerJson

open System.Buffers
open System.Text
open System.Text.Json
open OnlinePolicyAdaptation.ControlCycle

let private line (arrival: Arrival) (outcome: string) (write: Utf8JsonWriter -> unit) =
    let buffer = ArrayBufferWriter<byte> 128
    use writer = new Utf8JsonWriter(buffer)
    writer.WriteStartObject()
    writer.WriteNumber("position", arrival.Position)
    writer.WriteString("outcome", outcome)
    write writer
    writer.WriteEndObject()
    writer.Flush()
    Encoding.UTF8.GetString buffer.WrittenSpan

/// None where the event is not of an element.
let ofEvent (passed: Event) =
    match passed with
    | Event.Rejected(arrival, fault) ->
        ValueSome(
            line arrival "quarantined" (fun writer ->
                writer.WriteString("kind", Quarantine.Word fault.Kind)
                writer.WriteString("reason", fault.Reason))
        )
    | Event.AlreadyKnown arrival -> ValueSome(line arrival "alreadyKnown" ignore)
    | Event.Refitted _
    | Event.Commanded _
    | Event.Failed _ -> ValueNone
