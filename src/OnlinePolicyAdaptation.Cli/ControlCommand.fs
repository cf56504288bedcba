/// opar control: the control cycle as a service.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.ControlCommand

open System
open System.IO
open System.Runtime.InteropServices
open System.Text
open System.Threading
open Argu
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Service

/// What happened, for the last line.
type private Counts() =
    member val Decisions = 0 with get, set
    member val Refits = 0 with get, set
    member val Quarantined = 0 with get, set
    member val AlreadyKnown = 0 with get, set
    member val Undelivered = 0 with get, set

let private watch (counts: Counts) =
    {
        Decided = fun _ _ -> counts.Decisions <- counts.Decisions + 1
        Refitted = fun _ -> counts.Refits <- counts.Refits + 1
        Quarantined = fun _ -> counts.Quarantined <- counts.Quarantined + 1
        AlreadyKnown = fun () -> counts.AlreadyKnown <- counts.AlreadyKnown + 1
        Undelivered =
            fun sent reason ->
                counts.Undelivered <- counts.Undelivered + 1
                eprintfn $"opar: cycle {sent.Cycle} was not delivered: {reason}"
    }

/// Everything of the same controller, whenever it starts.
let private key = RandomKey 1UL

/// A source connected with where decisions go.
type private Connection =
    {
        Pull: Pull
        Deliver: Deliver
        IsClosedLoop: bool
    }

/// The simulated mesh, before and after its change.
let private mesh (scenario: Scenario) =
    match scenario.Simulation with
    | None -> Error $"scenario {scenario.Name} has no field simulation: there is no mesh to control"
    | Some simulation ->
        let loads: EquatableArray<LoadPattern> =
            EquatableArray.ToEquatableArray(scenario.Loads |> Seq.map (fun load -> LoadPattern.Constant load))

        let mesh parameters index =
            SimulatedMesh(
                parameters,
                loads,
                scenario.Grid,
                scenario.Start,
                key.Split(index: int),
                simulation.Recording.Schedule
            )

        match simulation.After with
        | Some after -> Ok(SystemChange(mesh simulation.Before 0, mesh after 1, scenario.ChangeAt) :> IEnvironment)
        | None -> Ok(mesh simulation.Before 0)

/// Where intervals come from and decisions go; `earlier` gives the entries of earlier
/// starts from a cycle on, in their order.
let private connect (request: ControlRequest) (time: TimeProvider) lines cycles (earlier: int -> JournalEntry seq) =
    let scenario = request.Scenario
    let vocabulary = ScenarioController.vocabulary scenario
    let clock = ControlSettings.clock request.Settings
    let interval = scenario.Operation.Interval

    let position =
        match Seq.tryLast (earlier (cycles - 1)) with
        | Some entry -> entry.Position + 1L
        | None -> 0L

    let openLoop pull =
        {
            Pull = pull
            Deliver = Sink.all lines
            IsClosedLoop = false
        }

    match request.Origin with
    | MetricsOrigin.Lines -> Ok(openLoop (LineSource.create vocabulary time (Console.OpenStandardInput())))
    | MetricsOrigin.Trace csv ->
        let reader = TraceReader.Open(csv, scenario.Grid, scenario.Columns)
        Ok(openLoop (TraceSource.create reader position clock request.Pace interval time))
    | MetricsOrigin.Simulation ->
        mesh scenario
        |> Result.map (fun mesh ->
            let targets =
                earlier 0
                |> Seq.choose (fun entry -> DecisionJson.target vocabulary entry.Decision |> Result.toOption)

            (EnvironmentSource.rewind mesh targets).Wait()

            {
                Pull = EnvironmentSource.create mesh position request.Cycles clock request.Pace interval time
                Deliver = Sink.all (lines @ [ Sink.environment mesh ])
                IsClosedLoop = true
            })

/// What was decided and perhaps not written goes out once more; its reader knows it by its key.
let private writeAgain (output: Stream) (entries: JournalEntry seq) =
    for entry in entries do
        output.Write(ReadOnlySpan(Encoding.UTF8.GetBytes entry.Decision))
        output.WriteByte(byte '\n')

    output.Flush()

/// Runs the stream until the source ends or the process is told to stop.
let private runPipeline options start (connection: Connection) =
    use stop = new CancellationTokenSource()

    let onSignal (context: PosixSignalContext) =
        context.Cancel <- true
        stop.Cancel()

    use _ = PosixSignalRegistration.Create(PosixSignal.SIGTERM, onSignal)
    use _ = PosixSignalRegistration.Create(PosixSignal.SIGINT, onSignal)

    task {
        use engine = Stream.startEngine ()
        do! Pipeline.run engine options start connection.Pull connection.IsClosedLoop stop.Token
    }
    |> _.GetAwaiter().GetResult()

let private control (request: ControlRequest) (journal: Journal voption) =
    result {
        let scenario = request.Scenario
        let time = TimeProvider.System
        let clock = ControlSettings.clock request.Settings
        let vocabulary = ScenarioController.vocabulary scenario

        let! struct (options, fresh) =
            ScenarioController.create
                scenario
                request.Mode
                (Planner.Rollout request.Settings.Lookahead)
                request.Settings.KnowsTrace
                key

        let! start =
            match journal with
            | ValueNone -> Ok fresh
            | ValueSome journal -> Replay.state options clock vocabulary fresh journal (journal.LastCycle + 1)

        let entries first =
            match journal with
            | ValueSome journal -> journal.Entries(first, Int32.MaxValue)
            | ValueNone -> Seq.empty

        use output = Console.OpenStandardOutput()
        let lines = if request.Quiet then [] else [ Sink.lines output ]
        let! connection = connect request time lines start.Cycle.Cycle entries

        match journal with
        | ValueSome journal when not request.Quiet -> writeAgain output (entries (journal.Delivered + 1))
        | _ -> ()

        use quarantine = new Quarantine(request.Quarantine)
        let counts = Counts()
        let began = time.GetTimestamp()

        runPipeline
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
                Watch = watch counts
                Time = time
            }
            start
            connection

        let seconds = time.GetElapsedTime(began).TotalSeconds

        eprintfn
            $"{counts.Decisions} decisions in %.1f{seconds} s, {counts.Refits} refits, {counts.Quarantined} elements quarantined, {counts.AlreadyKnown} known already, {counts.Undelivered} not delivered"
    }

let run (arguments: ParseResults<ControlArguments>) =
    result {
        let! request = ControlRequest.ofArguments arguments

        match request.Journal with
        | None -> return! control request ValueNone
        | Some path ->
            use! journal =
                Journal.Open(path, ControlSettings.identity request.Settings request.Scenario)

            return! control request (ValueSome journal)
    }
