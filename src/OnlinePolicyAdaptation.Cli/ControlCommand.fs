/// opar control: the control cycle as a service.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ControlCommand

open FsToolkit.ErrorHandling
open System
open System.Text
open System.Threading
open System.Threading.Tasks
open Argu
open Microsoft.Extensions.Logging
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Service

/// The web server, if one is asked for, while some work is done.
let private whileServing
    (request: ControlRequest)
    measures
    (health: Health)
    logs
    (posted: PostedSource option)
    (operators: OperatorsDoor)
    cancellation
    work
    =
    task {
        match request.Listen with
        | None -> return! work ()
        | Some address ->
            let settings =
                {
                    Address = address
                    Connections = WebHost.connections
                    Limits = Door.limits
                    Offer = posted |> Option.map _.Offer
                    Operators = operators
                    Measures = measures
                    Refusal = fun () -> health.Refusal
                    Readiness = fun () -> health.Readiness
                    Logs = logs
                }

            match! WebHost.start settings cancellation with
            | Error message -> return Error $"--listen: {message}"
            | Ok host ->
                use host = host
                logs.CreateLogger("opar").LogInformation("listening on {Address}", host.Address)
                return! work ()
    }

/// After a signal to end, a delivery or a commit that is under way has this long.
let private patience = TimeSpan.FromSeconds 0.7

/// Where nothing else is said, a source that gives nothing for so many intervals is silent.
let private silentIntervals = 12.0

/// In lockstep intervals come when they come, so that no silence is too long.
let private health (request: ControlRequest) time clock =
    let longest =
        match clock with
        | Clock.RealTime -> ValueSome(silentIntervals * request.Scenario.Live.Interval)
        | Clock.Lockstep -> ValueNone

    Health(time, longest)

let private askWhetherFull (health: Health) (posted: PostedSource) =
    health.Ask(
        Condition.Busy,
        fun () ->
            if posted.IsFull then
                ValueSome $"{posted.Waiting} intervals wait, and there is no room for more"
            else
                ValueNone
    )

let private control
    (request: ControlRequest)
    (cycle: Cycle)
    (files: ControlFiles)
    (logs: ILoggerFactory)
    (interrupted: CancellationToken)
    =
    result {
        let journal = files.Journal
        let scenario = request.Scenario
        let time = TimeProvider.System
        let system = ScenarioController.system scenario
        let log = logs.CreateLogger "opar"

        let! start =
            match journal with
            | ValueNone -> Ok(Cycle.start cycle)
            | ValueSome journal -> Replay.state cycle system journal (journal.LastCycle + 1)

        let start = Cycle.resume cycle start
        let cycles = Cycle.number cycle start

        if cycles > 0 then
            log.LogInformation("going on after {Cycles} cycles", cycles)

        match ScenarioController.unexplored cycle with
        | [] -> ()
        | kept ->
            log.LogInformation(
                "{Controls}: beyond that nothing was measured (controller.exploration)",
                String.concat ", " kept
            )

        let earlier first =
            match journal with
            | ValueSome journal -> journal.Entries(first, Int32.MaxValue)
            | ValueNone -> Seq.empty

        use output = new StandardOutput()
        use ending = CancellationTokenSource.CreateLinkedTokenSource interrupted
        let cancellation = ending.Token
        use client = Http.client ()

        let measures = Measures system.Topology.Services
        let limit = LimitedLog time
        let health = health request time cycle.Settings.Clock

        let! connection =
            ControlConnection.create
                request
                time
                client
                (WatchLog.sourceTrouble measures health log limit)
                ControlSettings.key
                cycles
                earlier

        let posted =
            match connection with
            | ControlConnection.Posted posted -> Some posted
            | ControlConnection.Open _
            | ControlConnection.Closed _ -> None

        posted |> Option.iter (askWhetherFull health)

        let commands = PostedCommands(Cycle.held cycle start)

        let status =
            Status(scenario.Name, request.Mode, (fun () -> health.Readiness), commands)

        let operators =
            {
                Commands = commands
                Status = status
                Clock = cycle.Settings.Clock
                Time = time
            }

        let watch =
            let log =
                WatchLog.create measures health log limit scenario.Goal.Reward system.Topology.Services system.Grid
                |> ControlFiles.counting time files

            { log with
                Decided =
                    fun decision latency durations ->
                        log.Decided decision latency durations
                        posted |> Option.iter (fun posted -> measures.QueueDepth posted.Waiting)
                Commanded =
                    fun command ->
                        log.Commanded command
                        commands.Kept command
            }

        let deliveries = Deliveries(watch, journal, time)
        use giveUp = new CancellationTokenSource()
        use _ = cancellation.Register(fun () -> giveUp.CancelAfter patience)

        // Without standard output decisions go nowhere then.
        let isOnlyPlace = request.Webhook.IsNone && request.Journal.IsNone
        let unwritten = ref None

        let cannotWrite (reason: string) =
            if Option.isNone unwritten.Value then
                unwritten.Value <- Some $"decisions cannot be written to standard output: {reason}"

                if isOnlyPlace then
                    ending.Cancel()
                else
                    log.LogError("decisions cannot be written to standard output: {Reason}", reason)

        /// What is wrong with what has come of the decisions.
        let verdict (deliveries: Deliveries) =
            match unwritten.Value with
            | Some reason when isOnlyPlace -> Error reason
            | _ -> deliveries.Verdict

        let receiver =
            request.Webhook
            |> Option.map (fun settings ->
                {
                    Sink.Receiver =
                        fun sent stillWanted cancellation ->
                            Webhook.deliver client settings time sent.IdempotencyKey sent.Text stillWanted cancellation
                    Sink.Clock = cycle.Settings.Clock
                    Sink.MaximumAge = scenario.Controller.Guard.MaximumAge
                    Sink.Time = time
                    Sink.Record = deliveries.Record
                    Sink.GiveUp = giveUp.Token
                })

        /// Of an earlier process.
        let unsent decisions =
            match journal with
            | ValueSome journal ->
                decisions
                    system
                    (fun (reason: string) -> log.LogError("a decision of the journal cannot be sent: {Reason}", reason))
                    journal
            | ValueNone -> [||]

        let noteWritten cycle =
            journal |> ValueOption.iter (fun journal -> journal.NoteWritten cycle)

        let service =
            {
                Journal =
                    {
                        Cycle = cycle
                        Name = scenario.Name
                        SystemDescription = system
                        Journal = journal
                        Retention = request.Retention
                        Quarantine = files.Quarantine
                        Watch = watch
                        Time = time
                        GiveUp = giveUp.Token
                    }
                Deadline = request.Deadline
                Commands = ControlService.commands commands.Next
                Sinks =
                    [
                        Sink.watching (fun decided -> status.Decided decided.Outgoing)
                        match request.Output with
                        | DecisionOutput.Decisions -> Sink.lines output (unsent Unsent.lines) noteWritten cannotWrite
                        | DecisionOutput.Answers -> Sink.answers output noteWritten cannotWrite
                        | DecisionOutput.Nothing -> ()
                        match receiver, journal with
                        | Some receiver, _ -> Sink.receiver receiver (unsent Unsent.actions)
                        // There is no receiver: a decision that is kept is all there is to do.
                        | None, ValueSome journal ->
                            Sink.watching (fun decided -> journal.NoteDelivered decided.Taken.Cycle)
                        | None, ValueNone -> ()
                    ]
            }

        let work () =
            task {
                use engine = Engine.start ()

                let! counts =
                    match connection with
                    | ControlConnection.Open pull ->
                        ControlService.run engine service start (Pull.source pull cancellation) cancellation
                    | ControlConnection.Posted posted ->
                        ControlService.run engine service start (Pull.source posted.Pull cancellation) cancellation
                    | ControlConnection.Closed(observe, environment) ->
                        ControlService.runWith engine service start (observe cancellation) environment

                WatchLog.ended log limit

                log.LogInformation(
                    "ended: {Decisions} decisions, {Refits} refits, {Quarantined} elements quarantined, {AlreadyKnown} known already, {Undelivered} decisions not delivered",
                    counts.Decisions,
                    counts.Refits,
                    counts.Quarantined,
                    counts.AlreadyKnown,
                    deliveries.Undelivered
                )

                return verdict deliveries
            }

        /// What waits for a journal that cannot be written is given up at the end.
        let work () =
            task {
                try
                    return! work ()
                with :? OperationCanceledException when giveUp.IsCancellationRequested ->
                    return Error "ended before everything could be written to the journal; the rest was not acted on"
            }

        return! (whileServing request measures health logs posted operators cancellation work).GetAwaiter().GetResult()
    }

/// A fault of the program is logged with its stack, and ends it as trouble does: in order, and with one line.
let private inOrder control (cancellation: CancellationToken) : Result<unit, string> =
    use logs = Logs.toStandardError ()

    try
        control logs cancellation
    with e ->
        let fault = e.GetBaseException()
        logs.CreateLogger("opar").LogCritical(fault, "the controller has ended")
        Error $"the controller has ended: {Redacted.Message fault.Message}"

let run (arguments: ParseResults<ControlArguments>) =
    result {
        let! request = ControlRequest.ofArguments arguments

        RecordedUnits.doubts request.Scenario |> List.iter Terminal.tell

        // Before there is a journal: it may be refused.
        let! cycle =
            ControlSettings.controller request.Settings request.Scenario request.Mode

        use! files = ControlFiles.opened request
        return! Terminal.untilInterrupted Terminal.atOnce (inOrder (control request cycle files))
    }
