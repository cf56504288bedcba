namespace OnlinePolicyAdaptation.Service

open System
open System.Buffers
open System.IO.Pipelines
open System.Text
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.ControlCycle

/// A line of a stream of text.
[<RequireQualifiedAccess>]
type Line =
    /// Without its end; may be blank.
    | Text of string
    /// It is too long or not UTF-8: its first characters, and the reason.
    | Unreadable of beginning: string * reason: string

/// The lines of a stream of UTF-8 text, which end with a line feed, or a carriage return and a line feed. The last one need
/// not end. A byte-order mark before the first is no part of it. Whatever comes, no more than about one line of `longest` bytes is held. Not for several readers at once.
[<Sealed>]
type Lines(pipe: PipeReader, longest: int) =

    static let lineFeed = 10uy
    static let shown = 200L
    static let strict = UTF8Encoding(false, true)

    static let byteOrderMark = [| 0xEFuy; 0xBBuy; 0xBFuy |]

    let mutable tooLong = ValueNone
    let mutable isFirst = true

    let beginningOf (line: ReadOnlySequence<byte>) =
        let beginning = line.Slice(0L, min shown line.Length)
        Encoding.UTF8.GetString(&beginning)

    let startsWithMark (line: ReadOnlySequence<byte>) =
        line.Length >= int64 byteOrderMark.Length
        && line.Slice(0L, int64 byteOrderMark.Length).ToArray().AsSpan().SequenceEqual(ReadOnlySpan byteOrderMark)

    let withoutMark (line: ReadOnlySequence<byte>) =
        if isFirst && startsWithMark line then
            line.Slice(int64 byteOrderMark.Length)
        else
            line

    let read (line: ReadOnlySequence<byte>) =
        let line = withoutMark line
        isFirst <- false

        match tooLong with
        | ValueSome beginning ->
            tooLong <- ValueNone
            Line.Unreadable(beginning, $"a line of more than {longest} bytes")
        | ValueNone when line.Length > int64 longest ->
            Line.Unreadable(beginningOf line, $"a line of more than {longest} bytes")
        | ValueNone ->
            try
                let text = strict.GetString(&line)

                Line.Text(
                    if text.EndsWith '\r' then
                        text.Substring(0, text.Length - 1)
                    else
                        text
                )
            with :? DecoderFallbackException ->
                Line.Unreadable(beginningOf line, "a line that is not UTF-8")

    /// The next line, none at the end of the stream. Throws what the stream throws, and when cancelled; an unfinished line
    /// is not given then.
    member _.Next(cancellation: CancellationToken) : Task<Line voption> =
        task {
            let mutable next = ValueNone
            let mutable ended = false

            while next.IsNone && not ended do
                let! result = pipe.ReadAsync cancellation
                let buffer = result.Buffer

                match ValueOption.ofNullable (buffer.PositionOf lineFeed) with
                | ValueSome position ->
                    next <- ValueSome(read (buffer.Slice(0, position)))
                    pipe.AdvanceTo(buffer.GetPosition(1L, position))
                | ValueNone when result.IsCompleted ->
                    if tooLong.IsSome || not buffer.IsEmpty then
                        next <- ValueSome(read buffer)

                    pipe.AdvanceTo buffer.End
                    ended <- true
                | ValueNone when buffer.Length > int64 longest ->
                    tooLong <- tooLong |> ValueOption.orElse (ValueSome(beginningOf buffer))
                    pipe.AdvanceTo buffer.End
                | ValueNone -> pipe.AdvanceTo(buffer.Start, buffer.End)

            return next
        }

    /// All that is left of the stream, as one line whatever line ends are in it. Throws as `Next` does.
    member _.Rest(cancellation: CancellationToken) : Task<Line> =
        task {
            let mutable rest = ValueNone

            while rest.IsNone do
                let! result = pipe.ReadAsync cancellation
                let buffer = result.Buffer

                if result.IsCompleted || buffer.Length > int64 longest then
                    rest <- ValueSome(read buffer)
                    pipe.AdvanceTo buffer.End
                else
                    pipe.AdvanceTo(buffer.Start, buffer.End)

            return rest.Value
        }
