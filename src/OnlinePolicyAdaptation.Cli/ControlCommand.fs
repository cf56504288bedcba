/// opar control: the control cycle as a service.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ControlCommand

open System
open System.Text
open System.Threading
open System.Threading.Tasks
open Argu
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service

/// The web server, if one is asked for, while some work is done.
let private whileServing (request: ControlRequest) measures logs (posted: PostedSource option) cancellation work =
    task {
        match request.Listen with
        | None -> return! work ()
        | Some address ->
            let settings =
                {
                    Address = address
                    Limits = Ingest.limits
                    Offer = posted |> Option.map _.Offer
                    Measures = measures
                    Readiness = fun () -> Readiness.Ready
                    Logs = logs
                }

            match! WebHost.start settings cancellation with
            | Error message -> return Error $"--listen: {message}"
            | Ok host ->
                use host = host
                logs.CreateLogger("opar").LogInformation("listening on {Address}", host.Address)
                return! work ()
    }

/// What is under way when the end is asked for has this long to come through.
let private patience = TimeSpan.FromSeconds 1.0

/// What has come of deliveries.
type private Deliveries(watch: Watch) =
    let mutable delivered = 0L
    let mutable undelivered = 0L

    member _.Record (sent: Outgoing) delivery =
        match delivery with
        | Delivery.Delivered -> delivered <- delivered + 1L
        | Delivery.GaveUp reason
        | Delivery.Refused reason
        | Delivery.Withdrawn reason ->
            undelivered <- undelivered + 1L
            watch.Undelivered sent reason

    member _.Undelivered = undelivered

    /// An error where there was something to deliver, and nobody took any of it.
    member _.Verdict =
        if undelivered > 0L && delivered = 0L then
            Error $"none of {undelivered} decisions could be delivered"
        else
            Ok()

/// Decisions of the journal that may not have gone out. Their lines are written again. Of those that act the last one is sent
/// again where it is still wanted; its receiver knows it by its key.
let private deliverAgain (journal: Journal) vocabulary (lines: (Outgoing -> unit) option) receiver record =
    task {
        let decisions =
            journal.Entries(journal.Delivered + 1, Int32.MaxValue)
            |> Seq.map (fun entry -> Kept.outgoingOf vocabulary entry.Cycle entry.Decision)
            |> Seq.choose Result.toOption
            |> Seq.toArray

        lines |> Option.iter (fun write -> decisions |> Array.iter write)

        match receiver, Array.tryLast decisions with
        | Some(receiver: Outgoing -> Task<Delivery>), Some last when Sink.isActedOn last ->
            let! delivery = receiver last
            record last delivery
        | _ -> ()
    }

let private control
    (request: ControlRequest)
    (cycle: Cycle)
    (journal: Journal voption)
    (cancellation: CancellationToken)
    =
    result {
        let scenario = request.Scenario
        let time = TimeProvider.System
        let vocabulary = ScenarioController.vocabulary scenario
        use logs = Logs.toStandardError ()
        let log = logs.CreateLogger "opar"

        let! start =
            match journal with
            | ValueNone -> Ok(Cycle.start cycle)
            | ValueSome journal -> Replay.state cycle vocabulary journal (journal.LastCycle + 1)

        let start = Cycle.resume cycle start
        let cycles = Cycle.number cycle start

        if cycles > 0 then
            log.LogInformation("going on after {Cycles} cycles", cycles)

        let earlier first =
            match journal with
            | ValueSome journal -> journal.Entries(first, Int32.MaxValue)
            | ValueNone -> Seq.empty

        use output = Console.OpenStandardOutput()
        use client = Http.client ()

        let unreachable reason =
            log.LogWarning("the source of metrics cannot be reached: {Reason}", (reason: string))

        let! connection =
            ControlConnection.create request time client unreachable ControlSettings.key cycles earlier

        use quarantine = new Quarantine(request.Quarantine)
        let measures = Measures vocabulary.Topology.Services

        let posted =
            match connection with
            | ControlConnection.Posted posted -> Some posted
            | ControlConnection.Open _
            | ControlConnection.Closed _ -> None

        let watch =
            let log =
                WatchLog.create measures log scenario.Reward.Objectives vocabulary.Topology.Services

            { log with
                Decided =
                    fun decision latency passing ->
                        log.Decided decision latency passing
                        posted |> Option.iter (fun posted -> measures.QueueDepth posted.Waiting)
            }

        let deliveries = Deliveries watch
        use giveUp = new CancellationTokenSource()
        use _ = cancellation.Register(fun () -> giveUp.CancelAfter patience)
        let mutable written = cycles - 1

        let unwritten reason =
            log.LogError("decisions cannot be written to standard output: {Reason}", (reason: string))

        let receiver =
            request.Webhook
            |> Option.map (fun settings ->
                {
                    Sink.Receiver =
                        fun sent stillWanted cancellation ->
                            task {
                                match stillWanted () with
                                | Error reason -> return Delivery.Withdrawn reason
                                | Ok() ->
                                    return!
                                        Webhook.deliver client settings time sent.IdempotencyKey sent.Text cancellation
                            }
                    Sink.Clock = cycle.Settings.Clock
                    Sink.MaximumAge = scenario.Operation.Guard.MaximumAge
                    Sink.Time = time
                    Sink.Record = deliveries.Record
                    Sink.GiveUp = giveUp.Token
                })

        let service =
            {
                Journal =
                    {
                        Cycle = cycle
                        Name = scenario.Name
                        Vocabulary = vocabulary
                        Journal = journal
                        Retention = request.Retention
                        Quarantine = ValueSome quarantine
                        Watch = watch
                        Time = time
                        Delivered = fun () -> Volatile.Read &written
                        GiveUp = giveUp.Token
                    }
                Deadline = request.Deadline
                Commands = ControlService.noCommands
                Sinks =
                    [
                        if not request.Quiet then
                            Sink.lines output (fun cycle -> Volatile.Write(&written, cycle)) unwritten
                        yield! receiver |> Option.map Sink.receiver |> Option.toList
                    ]
            }

        let sendAgain (journal: Journal) =
            task {
                let write (sent: Outgoing) =
                    output.Write(ReadOnlySpan(Encoding.UTF8.GetBytes(sent.Text + "\n")))

                let! _ =
                    deliverAgain
                        journal
                        vocabulary
                        (if request.Quiet then None else Some write)
                        (receiver |> Option.map Sink.sendAgain)
                        deliveries.Record

                output.Flush()
            }

        let work () =
            task {
                match journal with
                | ValueSome journal -> do! sendAgain journal
                | ValueNone -> ()

                use engine = ControlLoop.startEngine ()

                let! counts =
                    match connection with
                    | ControlConnection.Open pull ->
                        ControlService.run engine service start (Pull.source pull cancellation) cancellation
                    | ControlConnection.Posted posted ->
                        ControlService.run engine service start (Pull.source posted.Pull cancellation) cancellation
                    | ControlConnection.Closed(observe, environment) ->
                        ControlService.runWith engine service start (observe cancellation) environment

                log.LogInformation(
                    "ended: {Decisions} decisions, {Refits} refits, {Quarantined} elements quarantined, {AlreadyKnown} known already, {Undelivered} decisions not delivered",
                    counts.Decisions,
                    counts.Refits,
                    counts.Quarantined,
                    counts.AlreadyKnown,
                    deliveries.Undelivered
                )

                return deliveries.Verdict
            }

        return! (whileServing request measures logs posted cancellation work).GetAwaiter().GetResult()
    }

let run (arguments: ParseResults<ControlArguments>) =
    result {
        let! request = ControlRequest.ofArguments arguments

        // Before there is a journal: it may be refused.
        let! cycle =
            ControlSettings.controller request.Settings request.Scenario request.Mode

        match request.Journal with
        | None -> return! Terminal.untilInterrupted (control request cycle ValueNone)
        | Some path ->
            use! journal =
                Journal.Open(path, ControlSettings.identity request.Settings request.Scenario)

            return! Terminal.untilInterrupted (control request cycle (ValueSome journal))
    }
