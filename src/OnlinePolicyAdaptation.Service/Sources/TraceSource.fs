/// Intervals of a recorded trace, one after the other.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.TraceSource

open System
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// Rows that are handed on at once where they come as fast as they are decided on.
let private atOnce = 256

/// What the reader stands at.
[<RequireQualifiedAccess>]
type private TracePosition =
    | Row
    /// The rest of the file cannot be read.
    | Damage of reason: string
    | End

let private next (reader: TraceReader) =
    try
        if reader.Read() then
            TracePosition.Row
        else
            TracePosition.End
    with :? BadInputException as e ->
        TracePosition.Damage e.Message

let private interval (reader: TraceReader) endOf =
    try
        let row = reader.Row()

        Ok(Interval(endOf row.Time, row.Configuration, row.Services))
    with :? BadInputException as e ->
        Error
            {
                Kind = FaultKind.BadValue
                Reason = e.Message
            }

/// The rows from `first` on (from 0), blank lines not counted. They end as `IntervalEnd` says. A file whose rest cannot be read
/// ends with an element that says so.
let create (reader: TraceReader) (first: int64) clock pace length (time: TimeProvider) : Pull =
    let metronome = Metronome(pace, length, time)
    let mutable position = 0L
    let mutable place = next reader

    while place.IsRow && position < first do
        position <- position + 1L
        place <- next reader

    let take () =
        let content =
            match place with
            | TracePosition.Damage reason ->
                Error
                    {
                        Kind = FaultKind.Unparsable
                        Reason = reason
                    }
            | _ -> interval reader (IntervalEnd.ofRecorded clock length time position)

        let arrival =
            {
                Position = position
                Content = content
                Text =
                    match content with
                    | Ok _ -> ""
                    | Error _ -> reader.Text
                Received = time.GetTimestamp()
                Reply = ValueNone
            }

        position <- position + 1L
        place <- if place.IsRow then next reader else TracePosition.End
        arrival

    fun cancellation ->
        task {
            if not place.IsEnd then
                do! metronome.Next cancellation

            return
                match pace with
                | Pace.Times _ -> if place.IsEnd then [||] else [| take () |]
                | Pace.Unlimited ->
                    [|
                        let mutable count = 0

                        while not place.IsEnd && count < atOnce do
                            take ()
                            count <- count + 1
                    |]
        }
