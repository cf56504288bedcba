namespace OnlinePolicyAdaptation.Cli

open System
open System.Net.Http
open System.Threading
open System.Threading.Tasks
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Service

/// Where intervals come from, connected.
[<RequireQualifiedAccess>]
type ControlConnection =
    | Open of Pull
    /// Metrics are posted there.
    | Posted of PostedSource
    /// A system in the process: how its next interval is observed, and where decisions are brought into force.
    | Closed of observe: (CancellationToken -> unit -> Task<Arrival voption>) * IEnvironment

[<RequireQualifiedAccess>]
module ControlConnection =

    /// Lines that may wait to be decided on.
    let private waitingRoom = 1024

    /// The simulated mesh, before and after its change.
    let private mesh (scenario: Scenario) (key: RandomKey) =
        match scenario.Simulation with
        | None -> Error $"scenario {scenario.Name} has no field simulation: there is no mesh to control"
        | Some simulation -> Ok(MeshEnvironment.create scenario simulation key)

    /// The mesh as these cycles have left it.
    let private rewound scenario key system (cycles: JournalEntry seq) =
        match Seq.tryHead cycles with
        | Some first when first.Cycle > 0 ->
            Error
                $"the journal begins with cycle {first.Cycle}, and a simulation goes on only from its beginning; expected a new journal, and a larger --retention"
        | _ ->
            mesh scenario key
            |> Result.bind (fun mesh ->
                let decisions =
                    cycles
                    |> Seq.choose (fun entry ->
                        Kept.outgoingOf system entry.Cycle entry.Decision
                        |> Result.toOption
                        |> Option.map (fun decision -> struct (entry.Position, decision)))

                (EnvironmentSource.rewind mesh decisions).GetAwaiter().GetResult()
                |> Result.map (fun () -> mesh))

    /// The testbed under its load, from its first interval on. Its processes live as long as this one.
    let private testbed (scenario: Scenario) (testbed: TestbedPart) (time: TimeProvider) first intervals =
        task {
            let key = RandomKey(uint64 testbed.Recording.Seed)
            let! processes = TestbedSystem.start scenario testbed CancellationToken.None
            let patterns = MeshEnvironment.loads scenario testbed.SecondsPerCycle key
            let load = TestbedSystem.load scenario processes patterns key
            let! door = TestbedDoor.start scenario testbed processes load

            let environment =
                TestbedSystem.environment scenario testbed processes load (fun cycle token ->
                    TestbedSystem.scheduled scenario testbed processes cycle token)

            let mutable position = first

            let observe (cancellation: CancellationToken) () =
                task {
                    try
                        if position = intervals || cancellation.IsCancellationRequested then
                            do! door.DisposeAsync()
                            return ValueNone
                        else
                            let! interval = environment.ObserveIntervalAsync cancellation
                            position <- position + 1L

                            return
                                ValueSome
                                    {
                                        Position = position - 1L
                                        Content = Ok interval
                                        Text = ""
                                        Received = time.GetTimestamp()
                                        Reply = ValueNone
                                    }
                    with :? OperationCanceledException when cancellation.IsCancellationRequested ->
                        do! door.DisposeAsync()
                        return ValueNone
                }

            return ControlConnection.Closed(observe, environment)
        }

    /// Opens what a request asks for, to go on after so many cycles; `earlier` gives their journal entries from one on.
    let create
        (request: ControlRequest)
        (time: TimeProvider)
        (client: HttpClient)
        (trouble: SourceTrouble -> unit)
        (key: RandomKey)
        cycles
        (earlier: int -> JournalEntry seq)
        =
        let scenario = request.Scenario
        let system = ScenarioController.system scenario
        let clock = ControlSettings.clock request.Settings
        let interval = scenario.Live.Interval

        let last = earlier (cycles - 1) |> Seq.tryLast |> ValueOption.ofOption

        let position =
            match last with
            | ValueSome entry -> entry.Position + 1L
            | ValueNone -> 0L

        match request.Origin with
        | MetricsOrigin.Lines -> Ok(ControlConnection.Open(LineSource.create system time (Console.OpenStandardInput())))
        | MetricsOrigin.Posts -> Ok(ControlConnection.Posted(PostedSource(system, waitingRoom, time)))
        | MetricsOrigin.Prometheus settings ->
            let query = Prometheus.query client settings system interval

            Ok(
                ControlConnection.Open(
                    PrometheusSource.create query trouble interval (last |> ValueOption.map _.Time) time
                )
            )
        | MetricsOrigin.Trace csv ->
            let columns =
                scenario.Controller.History
                |> Option.map _.Columns
                |> Option.defaultValue scenario.Experiment.Columns

            let reader = TraceReader.Open(csv, scenario.System.Grid, columns)
            Ok(ControlConnection.Open(TraceSource.create reader position clock request.Pace interval time))
        | MetricsOrigin.Simulation ->
            rewound scenario key system (earlier 0)
            |> Result.map (fun mesh ->
                ControlConnection.Closed(
                    EnvironmentSource.create mesh position request.Cycles clock request.Pace interval time,
                    mesh
                ))
        | MetricsOrigin.Testbed part ->
            Ok((testbed scenario part time position request.Cycles).GetAwaiter().GetResult())
