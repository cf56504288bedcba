/// A controller at work, seen from outside: lines with replies go in, decisions come out as lines and at a receiver, and a
/// journal file is kept. The one file of the model-based test that knows how the service is made.
module OnlinePolicyAdaptation.Tests.RunningService

open System
open System.IO
open System.Text
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service

/// What a receiver answers when it is brought a decision.
[<RequireQualifiedAccess>]
type Answer =
    | Took
    | Failed
    /// The decision was no longer wanted right before it was sent.
    | Unwanted

/// What a poster is told.
[<RequireQualifiedAccess>]
type Reply =
    | Accepted
    | Known
    | Quarantined

/// All that surrounds a controller.
type Doors =
    {
        Journal: string
        IsRealTime: bool
        MaximumGap: TimeSpan
        MaximumAge: TimeSpan
        Time: TimeProvider
        /// A line of standard output.
        Written: string -> unit
        /// A decision is brought. The function says whether it is still wanted.
        Receive: string -> (unit -> bool) -> CancellationToken -> Task<Answer>
        /// What became of the decision of a cycle.
        Fate: int -> string -> unit
        /// Whether the journal can be written.
        JournalState: bool -> unit
    }

/// A stream that calls a function for each line.
type private LineStream(written: string -> unit) =
    inherit MemoryStream()

    let line = StringBuilder()

    override _.Write(buffer: byte[], offset: int, count: int) =
        for character in Encoding.UTF8.GetString(buffer, offset, count) do
            if character = '\n' then
                written (line.ToString())
                line.Clear() |> ignore
            else
                line.Append character |> ignore

    override this.WriteAsync(buffer: ReadOnlyMemory<byte>, _: CancellationToken) : ValueTask =
        let bytes = buffer.ToArray()
        this.Write(bytes, 0, bytes.Length)
        ValueTask.CompletedTask

/// The clock of the graph, which in real time looks at it once for each element that it takes in.
type private CountedClock(time: TimeProvider) =
    inherit TimeProvider()

    let mutable looks = 0

    member _.Looks = Volatile.Read &looks

    override _.GetUtcNow() =
        let now = time.GetUtcNow()
        Interlocked.Increment &looks |> ignore
        now

    override _.CreateTimer(callback, state, due, period) =
        time.CreateTimer(callback, state, due, period)

/// A controller that works until it is stopped or killed.
type Running =
    {
        /// Gives it a line; the function is called with what became of it.
        Offer: string -> (Reply -> unit) -> unit
        /// How many lines it has taken in, in real time: each is judged by the clock of that moment.
        TakenIn: unit -> int
        /// Takes nothing more in and ends when all has come through, or after this long; false: it did not end.
        Stop: TimeSpan -> bool
        /// Ends it somewhere in the middle. Nothing of what it still does counts.
        Kill: unit -> unit
    }

let private settings doors =
    let usual = SmallController.options 4

    { usual with
        Clock = if doors.IsRealTime then Clock.RealTime else Clock.Lockstep
        Admission =
            {
                MaximumGap = doors.MaximumGap
                PlausibleSeconds = 1e3
                PlausibleLoad = 1e6
            }
        Guard =
            { usual.Guard with
                MaximumAge = doors.MaximumAge
            }
    }

let private receiver doors giveUp (journal: Journal) : Sink.ReceiverOptions =
    {
        Receiver =
            fun sent stillWanted cancellation ->
                task {
                    let mutable reason = ""

                    let isWanted () =
                        match stillWanted () with
                        | Ok() -> true
                        | Error message ->
                            reason <- message
                            false

                    match! doors.Receive sent.Text isWanted cancellation with
                    | Answer.Took -> return Delivery.Delivered
                    | Answer.Failed -> return Delivery.GaveUp "it fails"
                    | Answer.Unwanted -> return Delivery.Withdrawn reason
                }
        Clock = if doors.IsRealTime then Clock.RealTime else Clock.Lockstep
        MaximumAge = doors.MaximumAge
        Time = doors.Time
        Record =
            fun sent fate reason ->
                journal.Record
                    [
                        {
                            Cycle = sent.Cycle
                            Fate = fate
                            Time = doors.Time.GetUtcNow()
                            Reason = reason
                        }
                    ]

                doors.Fate sent.Cycle fate.Word
        GiveUp = giveUp
    }

let private watch doors =
    { SmallController.watch with
        JournalState = fun trouble -> doors.JournalState trouble.IsNone
    }

/// Opens the journal and goes on from there.
let start (doors: Doors) : Running =
    let cycle = SmallController.start (settings doors)
    let journal = SmallController.openJournal doors.Journal

    let state =
        match Replay.state cycle Intervals.system journal (journal.LastCycle + 1) with
        | Ok state -> Cycle.resume cycle state
        | Error message -> failtest message

    let engine = Engine.start ()
    let stop = new CancellationTokenSource()
    let giveUp = new CancellationTokenSource()
    let posted = PostedSource(Intervals.system, 1024, doors.Time)
    let clock = CountedClock doors.Time
    let receiver = receiver doors giveUp.Token journal
    let output = new LineStream(doors.Written)

    let service =
        SmallController.service
            cycle
            [
                Sink.lines output (Unsent.lines Intervals.system failtest journal) journal.NoteWritten ignore
                Sink.receiver receiver (Unsent.actions Intervals.system failtest journal)
            ]
        |> SmallController.withJournal journal
        |> SmallController.journaling (fun options ->
            { options with
                Watch = watch doors
                Time = clock
                GiveUp = giveUp.Token
            })

    let running =
        task {
            let! _ =
                ControlService.run
                    engine
                    { service with
                        Deadline = TimeSpan.FromHours 1.0
                    }
                    state
                    (Pull.source posted.Pull stop.Token)
                    stop.Token

            ()
        }

    /// What has failed has ended too.
    let ended (patience: TimeSpan) =
        try
            running.Wait patience
        with _ ->
            true

    let close () =
        giveUp.Cancel()

        (engine :> IAsyncDisposable).DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds 10.0)
        |> ignore

        ended (TimeSpan.FromSeconds 5.0) |> ignore
        (journal :> IDisposable).Dispose()

    {
        Offer =
            fun line reply ->
                task {
                    let! answer = posted.Offer (Line.Text line) CancellationToken.None

                    match answer.Outcome with
                    | Outcome.Accepted -> reply Reply.Accepted
                    | Outcome.AlreadyKnown -> reply Reply.Known
                    | Outcome.Quarantined _ -> reply Reply.Quarantined
                    | Outcome.Busy -> ()
                }
                |> ignore
        TakenIn = fun () -> clock.Looks
        Stop =
            fun patience ->
                stop.Cancel()
                giveUp.CancelAfter patience
                let hasEnded = ended (patience + TimeSpan.FromSeconds 10.0)
                close ()
                hasEnded
        Kill = close
    }
