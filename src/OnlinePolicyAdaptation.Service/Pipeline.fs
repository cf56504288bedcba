/// The controller as an Akka stream, from a source of metrics to where decisions go. The only file here that opens Akka.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.Pipeline

open System
open System.Threading
open System.Threading.Tasks
open Akka.Streams
open Akka.Streams.Dsl
open Akka.Util
open OnlinePolicyAdaptation.ControlCycle

/// Groups of elements that are read while others are decided on.
let private readAhead = 2

let private patience = TimeSpan.FromSeconds 1.0

let private arrivals (pull: Pull) (cancellation: CancellationToken) =
    Source.UnfoldAsync(
        0,
        fun _ ->
            task {
                // The end of work is the end of the source: what is under way is finished in peace.
                try
                    let! arrived = pull cancellation

                    return
                        if arrived.Length = 0 || cancellation.IsCancellationRequested then
                            Option<struct (int * Event)>.None
                        else
                            Option.Create(struct (0, Event.Arrived arrived))
                with :? OperationCanceledException when cancellation.IsCancellationRequested ->
                    return Option<struct (int * Event)>.None
            }
    )

/// Runs until the source ends or the token is cancelled; then all that was taken in has been decided on, kept and delivered.
/// What has happened, counted.
/// In a closed loop the source gives the next element only after the last decision was delivered, so nothing is read ahead.
let run (engine: Stream.Engine) options start (pull: Pull) isClosedLoop (cancellation: CancellationToken) =
    task {
        let materializer = engine.Materializer

        let struct (queue, fitted) =
            Source.Queue<Event>(2, OverflowStrategy.Backpressure).PreMaterialize materializer

        let refitted beside =
            queue.OfferAsync(Event.Fitted beside) |> ignore

        let loop = Loop(options, start, refitted)

        let source =
            if isClosedLoop then
                arrivals pull cancellation
            else
                (arrivals pull cancellation).Async().Buffer(readAhead, OverflowStrategy.Backpressure)

        let events =
            match options.Clock with
            | Clock.Lockstep -> source
            | Clock.RealTime -> source.Merge(fitted, eagerComplete = true)

        // A delivery that is under way when the end is asked for has this long to come through.
        use deliveries = new CancellationTokenSource()
        use _ = cancellation.Register(fun () -> deliveries.CancelAfter patience)

        let turn event =
            task {
                do! loop.Turn(event, deliveries.Token)
                return event
            }

        let! _ = events.SelectAsync(1, turn).RunWith(Sink.Ignore<Event>(), materializer)
        loop.Close()
        return loop.Counts
    }
