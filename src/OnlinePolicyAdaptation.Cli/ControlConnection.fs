namespace OnlinePolicyAdaptation.Cli

open System
open System.IO
open System.Net.Http
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Service

/// A source of intervals, connected with where decisions go.
type ControlConnection =
    {
        Pull: Pull
        Deliver: Deliver
        /// The source shows what was delivered.
        IsClosedLoop: bool
        /// Where metrics are posted.
        Posted: PostedSource option
    }

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
    let private rewound scenario key vocabulary (cycles: JournalEntry seq) =
        match Seq.tryHead cycles with
        | Some first when first.Cycle > 0 ->
            Error
                $"the journal begins with cycle {first.Cycle}, and a simulation goes on only from its beginning; expected a new journal, and a larger --retention"
        | _ ->
            mesh scenario key
            |> Result.map (fun mesh ->
                let decisions =
                    cycles
                    |> Seq.choose (fun entry ->
                        DecisionJson.outgoing vocabulary entry.Cycle entry.Decision
                        |> Result.toOption
                        |> Option.map (fun decision -> struct (entry.Position, decision)))

                (EnvironmentSource.rewind mesh decisions).Wait()
                mesh)

    /// Opens what a request asks for, to go on after so many cycles; `earlier` gives their journal entries from one on.
    let create
        (request: ControlRequest)
        (time: TimeProvider)
        (client: HttpClient)
        (output: Stream)
        (unreachable: string -> unit)
        (key: RandomKey)
        cycles
        (earlier: int -> JournalEntry seq)
        =
        let scenario = request.Scenario
        let vocabulary = ScenarioController.vocabulary scenario
        let clock = ControlSettings.clock request.Settings
        let interval = scenario.Live.Interval

        let position =
            match Seq.tryLast (earlier (cycles - 1)) with
            | Some entry -> entry.Position + 1L
            | None -> 0L

        let sinks =
            [
                if not request.Quiet then
                    Sink.lines output
                match request.Webhook with
                | Some settings -> Sink.webhook client settings time
                | None -> ()
            ]

        let openLoop pull =
            {
                Pull = pull
                Deliver = Sink.all sinks
                IsClosedLoop = false
                Posted = None
            }

        match request.Origin with
        | MetricsOrigin.Lines -> Ok(openLoop (LineSource.create vocabulary time (Console.OpenStandardInput())))
        | MetricsOrigin.Posts ->
            let posted = PostedSource(vocabulary, waitingRoom, time)

            Ok
                { openLoop posted.Pull with
                    Posted = Some posted
                }
        | MetricsOrigin.Prometheus settings ->
            let query = Prometheus.query client settings vocabulary
            Ok(openLoop (PrometheusSource.create query unreachable interval time))
        | MetricsOrigin.Trace csv ->
            let columns =
                scenario.Controller.History
                |> Option.map _.Columns
                |> Option.defaultValue scenario.Experiment.Columns

            let reader = TraceReader.Open(csv, scenario.System.Grid, columns)
            Ok(openLoop (TraceSource.create reader position clock request.Pace interval time))
        | MetricsOrigin.Simulation ->
            rewound scenario key vocabulary (earlier 0)
            |> Result.map (fun mesh ->
                {
                    Pull = EnvironmentSource.create mesh position request.Cycles clock request.Pace interval time
                    Deliver = Sink.all (sinks @ [ Sink.environment mesh ])
                    IsClosedLoop = true
                    Posted = None
                })
