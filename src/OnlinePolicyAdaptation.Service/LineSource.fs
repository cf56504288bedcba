/// Intervals as lines of JSON on a stream of bytes, such as standard input.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.LineSource

open System
open System.Buffers
open System.IO
open System.IO.Pipelines
open System.Text
open System.Threading.Tasks

/// A longer line is no interval; of it so much is kept.
let private longest = 1 <<< 20

/// Lines that are handed on at once.
let private atOnce = 256

/// An element that came as a line.
let arrival (reader: IntervalReader) position received (line: ReadOnlySpan<byte>) =
    let content = reader.Read line

    {
        Position = position
        Content = content
        Text =
            match content with
            | Ok _ -> ""
            | Error _ -> Encoding.UTF8.GetString line
        Received = received
        Reply = ValueNone
    }

let private tooLong position received (line: ReadOnlySequence<byte>) =
    {
        Position = position
        Content =
            Error
                {
                    Kind = FaultKind.Unparsable
                    Reason = $"a line of over {longest} bytes; expected an interval"
                }
        Text = Encoding.UTF8.GetString(line.Slice(0L, min line.Length 1000L).ToArray())
        Received = received
        Reply = ValueNone
    }

let private isBlank (line: ReadOnlySpan<byte>) = line.Trim(" \r\t"B).IsEmpty

/// Cuts complete lines off the front of what has come in, and the rest off at the end of the stream.
type private LineCutter(vocabulary: Vocabulary, time: TimeProvider) =
    let reader = IntervalReader vocabulary
    let found = ResizeArray<Arrival>()
    let mutable position = 0L
    /// The rest of a line that was too long already is passed over.
    let mutable isSkipping = false

    let add (line: ReadOnlySequence<byte>) =
        if isSkipping then
            isSkipping <- false
        else
            let received = time.GetTimestamp()

            if line.Length > int64 longest then
                found.Add(tooLong position received line)
                position <- position + 1L
            else
                let bytes =
                    if line.IsSingleSegment then
                        line.First.Span
                    else
                        ReadOnlySpan(line.ToArray())

                if not (isBlank bytes) then
                    found.Add(arrival reader position received bytes)
                    position <- position + 1L

    member _.Found = found

    /// Takes lines from what has come in; what is left is to be offered again with more.
    member _.Cut(buffer: ReadOnlySequence<byte>, isLast: bool) =
        let mutable rest = buffer
        let mutable goesOn = true

        while goesOn && found.Count < atOnce do
            let lineEnd = rest.PositionOf(byte '\n')

            if lineEnd.HasValue then
                add (rest.Slice(rest.Start, lineEnd.Value))
                rest <- rest.Slice(rest.GetPosition(1L, lineEnd.Value))
            else
                goesOn <- false

        if not goesOn && isLast && not rest.IsEmpty then
            add rest
            rest <- rest.Slice rest.End
        elif not goesOn && rest.Length > int64 longest then
            if not isSkipping then
                add rest

            isSkipping <- true
            rest <- rest.Slice rest.End

        rest

/// Reads a stream to its end.
let create (vocabulary: Vocabulary) (time: TimeProvider) (stream: Stream) : Pull =
    let pipe = PipeReader.Create(stream, StreamPipeReaderOptions(bufferSize = 65536))
    let cutter = LineCutter(vocabulary, time)

    fun cancellation ->
        task {
            cutter.Found.Clear()
            let mutable goesOn = true

            while goesOn do
                // Reading from a terminal or a pipe may not listen to the token.
                let! read = pipe.ReadAsync(cancellation).AsTask().WaitAsync cancellation
                let rest = cutter.Cut(read.Buffer, read.IsCompleted)
                // With lines at hand nothing of the rest counts as seen, so that the next read does not wait.
                let seen =
                    if cutter.Found.Count > 0 then
                        rest.Start
                    else
                        read.Buffer.End

                pipe.AdvanceTo(rest.Start, seen)
                goesOn <- cutter.Found.Count = 0 && not (read.IsCompleted && rest.IsEmpty)

            return cutter.Found.ToArray()
        }
