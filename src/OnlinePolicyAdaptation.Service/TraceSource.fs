/// Intervals of a recorded trace, one after the other.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.TraceSource

open System
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.ControlCycle

/// Rows that are handed on at once where nobody waits for each.
let private atOnce = 256

let private content (reader: TraceReader) time =
    try
        let row = reader.Row()

        Ok
            {
                Time = time
                Configuration = row.Configuration
                Services = row.Services
            }
    with :? BadInputException as e ->
        Error
            {
                Kind = FaultKind.BadValue
                Reason = e.Message
            }

/// The rows from `first` on (from 0). They end as `IntervalEnd` says.
let create (reader: TraceReader) (first: int64) clock pace interval (time: TimeProvider) : Pull =
    let metronome = Metronome(pace, interval, time)
    let mutable position = 0L
    let mutable goesOn = reader.Read()

    while goesOn && position < first do
        position <- position + 1L
        goesOn <- reader.Read()

    let next () =
        let content = content reader (IntervalEnd.ofPosition clock interval time position)

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
        goesOn <- reader.Read()
        arrival

    fun cancellation ->
        task {
            if goesOn then
                do! metronome.Next cancellation

            return
                match pace with
                | Pace.Times _ -> if goesOn then [| next () |] else [||]
                | Pace.Unlimited ->
                    [|
                        let mutable count = 0

                        while goesOn && count < atOnce do
                            next ()
                            count <- count + 1
                    |]
        }
