/// Intervals as lines of JSON on a stream of bytes, such as standard input.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.LineSource

open System
open System.IO
open System.IO.Pipelines
open System.Text
open System.Threading.Tasks
open OnlinePolicyAdaptation.ControlCycle

/// In bytes; a longer line is no interval.
let private longest = 1 <<< 20

/// Lines that are handed on at once.
let private atOnce = 256

let private isBlank =
    function
    | Line.Text text -> String.IsNullOrWhiteSpace text
    | Line.Unreadable _ -> false

/// The element that a line is.
let arrival (reader: IntervalReader) position received reply line =
    let content, text =
        match line with
        | Line.Unreadable(beginning, reason) ->
            let fault =
                {
                    Kind = FaultKind.Unparsable
                    Reason = $"{reason}; expected an interval"
                }

            Error fault, beginning
        | Line.Text text ->
            match reader.Read(ReadOnlySpan(Encoding.UTF8.GetBytes text)) with
            | Ok interval -> Ok interval, ""
            | Error fault -> Error fault, text

    {
        Position = position
        Content = content
        Text = text
        Received = received
        Reply = reply
    }

/// Reads a stream to its end; blank lines are skipped.
let create (system: SystemDescription) (time: TimeProvider) (stream: Stream) : Pull =
    let lines =
        Lines(PipeReader.Create(stream, StreamPipeReaderOptions(bufferSize = 65536)), longest)

    let reader = IntervalReader system
    let mutable position = 0L
    let mutable next: Task<Line voption> voption = ValueNone

    fun cancellation ->
        task {
            let found = ResizeArray<Arrival>()
            let mutable goesOn = true

            while goesOn do
                let pending =
                    match next with
                    | ValueSome pending -> pending
                    | ValueNone -> lines.Next cancellation

                next <- ValueSome pending

                // What is not there yet is waited for only where there is nothing to hand on.
                if found.Count > 0 && (found.Count = atOnce || not pending.IsCompleted) then
                    goesOn <- false
                else
                    // Reading from a terminal or a pipe may not listen to the token.
                    match! pending.WaitAsync cancellation with
                    | ValueSome line ->
                        next <- ValueNone

                        if not (isBlank line) then
                            found.Add(arrival reader position (time.GetTimestamp()) ValueNone line)
                            position <- position + 1L
                    | ValueNone -> goesOn <- false

            return found.ToArray()
        }
