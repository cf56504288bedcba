namespace OnlinePolicyAdaptation.Service

open System
open System.IO
open System.Text.Json

/// A file that keeps what cannot be used, with the reason: one line of JSON for each element. It is opened for the first
/// one. Not for several threads.
type Quarantine(path: string) =
    let file =
        lazy (new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read))

    static member Kinds =
        [
            FaultKind.Unparsable
            FaultKind.BadValue
            FaultKind.UnknownName
            FaultKind.ImpossibleConfiguration
            FaultKind.Implausible
            FaultKind.Duplicate
            FaultKind.Backwards
            FaultKind.FromTheFuture
            FaultKind.Poisonous
        ]

    /// The word for a kind of fault.
    static member Word(kind: FaultKind) =
        match kind with
        | FaultKind.Unparsable -> "unparsable"
        | FaultKind.BadValue -> "badValue"
        | FaultKind.UnknownName -> "unknownName"
        | FaultKind.ImpossibleConfiguration -> "impossibleConfiguration"
        | FaultKind.Implausible -> "implausible"
        | FaultKind.Duplicate -> "duplicate"
        | FaultKind.Backwards -> "backwards"
        | FaultKind.FromTheFuture -> "fromTheFuture"
        | FaultKind.Poisonous -> "poisonous"

    member _.Add(received: DateTimeOffset, position: int64, fault: Fault, text: string) =
        let stream = file.Value

        do
            use writer = new Utf8JsonWriter(stream)
            writer.WriteStartObject()
            writer.WriteString("received", received.UtcDateTime)
            writer.WriteNumber("position", position)
            writer.WriteString("kind", Quarantine.Word fault.Kind)
            writer.WriteString("reason", fault.Reason)
            writer.WriteString("element", text)
            writer.WriteEndObject()

        stream.WriteByte(byte '\n')

    /// Hands what was added to the operating system, which keeps it if the process ends.
    member _.Flush() =
        if file.IsValueCreated then
            file.Value.Flush()

    interface IDisposable with
        member _.Dispose() =
            if file.IsValueCreated then
                file.Value.Dispose()
