/// Intervals of a recorded trace, one after the other.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.TraceSource

open System
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.ControlCycle

/// The end of the first interval of a trace, which knows no times.
let private beginning = DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero)

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

/// The rows from `first` on (from 0). In lockstep the k-th interval ends k interval lengths after the first of 2000, so that
/// it is the same in every replay; in real time it ends when it is handed on.
let create (reader: TraceReader) (first: int64) clock pace interval (time: TimeProvider) : Pull =
    let metronome = Metronome(pace, interval, time)
    let mutable position = 0L
    let mutable goesOn = reader.Read()

    while goesOn && position < first do
        position <- position + 1L
        goesOn <- reader.Read()

    let next () =
        let ended =
            match clock with
            | Clock.Lockstep -> beginning + interval * float position
            | Clock.RealTime -> time.GetUtcNow()

        let content = content reader ended

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
