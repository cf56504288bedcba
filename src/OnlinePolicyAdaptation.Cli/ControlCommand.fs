/// opar control: the control cycle as a service.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ControlCommand

open FsToolkit.ErrorHandling
open System
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

/// What was decided and perhaps not delivered goes out once more; its receivers know it by its key. False: the end was asked
/// for before they had it.
let private deliverAgain (loop: LoopOptions) (journal: Journal) (cancellation: CancellationToken) =
    task {
        let decisions =
            journal.Entries(journal.Delivered + 1, Int32.MaxValue)
            |> Seq.map (fun entry -> DecisionJson.outgoing loop.Vocabulary entry.Cycle entry.Decision)
            |> Seq.choose Result.toOption
            |> Seq.toArray

        try
            let! undelivered = loop.Deliver decisions cancellation

            for struct (sent, reason) in undelivered do
                loop.Watch.Undelivered sent reason

            return true
        with :? OperationCanceledException when cancellation.IsCancellationRequested ->
            return false
    }

let private control (request: ControlRequest) options fresh (journal: Journal voption) cancellation =
    result {
        let scenario = request.Scenario
        let time = TimeProvider.System
        let clock = ControlSettings.clock request.Settings
        let vocabulary = ScenarioController.vocabulary scenario
        use logs = Logs.toStandardError ()
        let log = logs.CreateLogger "opar"

        let! start =
            match journal with
            | ValueNone -> Ok fresh
            | ValueSome journal -> Replay.state options clock vocabulary fresh journal (journal.LastCycle + 1)

        if start.Cycle.Cycle > 0 then
            log.LogInformation("going on after {Cycles} cycles", start.Cycle.Cycle)

        let earlier first =
            match journal with
            | ValueSome journal -> journal.Entries(first, Int32.MaxValue)
            | ValueNone -> Seq.empty

        use output = Console.OpenStandardOutput()
        use client = Http.client ()

        let unreachable reason =
            log.LogWarning("the source of metrics cannot be reached: {Reason}", (reason: string))

        let! connection =
            ControlConnection.create
                request
                time
                client
                output
                unreachable
                ControlSettings.key
                start.Cycle.Cycle
                earlier

        use quarantine = new Quarantine(request.Quarantine)
        let measures = Measures vocabulary.Topology.Services

        let watch =
            WatchLog.create measures log scenario.Goal.Reward.Objectives vocabulary.Topology.Services

        let loop =
            {
                Controller = options
                Name = scenario.Name
                Vocabulary = vocabulary
                Clock = clock
                Deadline = request.Deadline
                Journal = journal
                Retention = request.Retention
                Quarantine = ValueSome quarantine
                Deliver = connection.Deliver
                Watch =
                    { watch with
                        Decided =
                            fun decision latency ->
                                watch.Decided decision latency

                                connection.Posted
                                |> Option.iter (fun posted -> measures.QueueDepth posted.Waiting)
                    }
                Time = time
            }

        let work () =
            task {
                let! isUpToDate =
                    match journal with
                    | ValueSome journal -> deliverAgain loop journal cancellation
                    | ValueNone -> Task.FromResult true

                if isUpToDate then
                    use engine = Stream.startEngine ()

                    let! counts =
                        Pipeline.run engine loop start connection.Pull connection.IsClosedLoop cancellation

                    log.LogInformation(
                        "ended: {Decisions} decisions, {Refits} refits, {Quarantined} elements quarantined, {AlreadyKnown} known already, {Undelivered} decisions not delivered",
                        counts.Decisions,
                        counts.Refits,
                        counts.Quarantined,
                        counts.AlreadyKnown,
                        counts.Undelivered
                    )

                return Ok()
            }

        return! (whileServing request measures logs connection.Posted cancellation work).GetAwaiter().GetResult()
    }

let run (arguments: ParseResults<ControlArguments>) =
    result {
        let! request = ControlRequest.ofArguments arguments

        // Before there is a journal: it may be refused.
        let! struct (options, fresh) =
            ControlSettings.controller request.Settings request.Scenario request.Mode

        match request.Journal with
        | None -> return! Terminal.untilInterrupted (control request options fresh ValueNone)
        | Some path ->
            use! journal =
                Journal.Open(path, ControlSettings.identity request.Settings request.Scenario)

            return! Terminal.untilInterrupted (control request options fresh (ValueSome journal))
    }
