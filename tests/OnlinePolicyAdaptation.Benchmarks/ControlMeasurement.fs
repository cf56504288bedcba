/// The controller as a service: how many intervals a second it takes, whether its memory stays what it is, and how long a
/// decision takes while the model is refitted.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Benchmarks.ControlMeasurement

open System
open System.Collections.Generic
open System.Diagnostics
open System.Globalization
open System.IO
open System.Threading
open System.Threading.Tasks
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Service

let private key = RandomKey 1UL

/// Of a hundred lines one is bad, each time in another way.
let private badLines =
    [|
        "not json"
        "{\"time\":"
        "{\"time\":\"2000-01-01T00:00:00Z\",\"controls\":{},\"services\":{}}"
        "{\"time\":\"1999-01-01T00:00:00Z\",\"controls\":{\"nobody\":1},\"services\":{}}"
        "{}"
    |]

/// The scenario's trace over and over as lines of JSON.
let private writeLines (scenario: Scenario) system intervals path =
    match scenario.Experiment.TraceBefore with
    | None -> Error $"{scenario.Name}: expected a scenario with trace.before"
    | Some trace ->
        let rows =
            TestbedTrace.Read(trace, scenario.System.Grid, scenario.Experiment.Columns).Rows

        let first = DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)
        use file = File.Create path

        for i in 0 .. intervals - 1 do
            let row = rows[i % rows.Count]

            if i % 100 = 50 then
                file.Write(ReadOnlySpan(Text.Encoding.UTF8.GetBytes badLines[i / 100 % badLines.Length]))
                file.WriteByte(byte '\n')

            file.Write(
                ReadOnlySpan(
                    IntervalJson.write
                        system
                        (Interval(first + TimeSpan.FromSeconds(5.0 * float i), row.Configuration, row.Services))
                )
            )

            file.WriteByte(byte '\n')

        Ok()

let private nobodyWatches: Watch =
    {
        Decided = fun _ _ _ -> ()
        Refitted = ignore
        RefitFailed = ignore
        Quarantined = ignore
        AlreadyKnown = ignore
        Commanded = ignore
        JournalState = ignore
        Delivery = fun _ _ _ -> ()
    }

let private service (scenario: Scenario) cycle journal quarantine watch =
    {
        Journal =
            {
                Cycle = cycle
                Name = scenario.Name
                SystemDescription = ScenarioController.system scenario
                Journal = journal
                Retention = 200_000
                Quarantine = quarantine
                Watch = watch
                Time = TimeProvider.System
                GiveUp = CancellationToken.None
            }
        Deadline = TimeSpan.FromSeconds 1.0
        Commands = ControlService.noCommands
        Sinks = []
    }

/// A journal in a file of this name.
let private openJournal folder name =
    Journal.Open(
        Path.Combine(folder, name),
        {
            Description = ""
            Fingerprint = ""
            Differences = id
        }
    )

let private refittedEvery (cycles: int) (scenario: Scenario) =
    { scenario with
        Controller.Estimation =
            { scenario.Controller.Estimation with
                RefitEvery = cycles
            }
    }

let private withEngine (work: Engine -> Task<Counts>) =
    task {
        use engine = Engine.start ()
        return! work engine
    }
    |> _.GetAwaiter().GetResult()

let private residentMegabytes () =
    use self = Process.GetCurrentProcess()
    float self.WorkingSet64 / 1e6

/// All lines through the whole cycle; prints what it took.
let private throughput folder (scenario: Scenario) lines withJournal intervals =
    ScenarioController.create scenario Mode.Act (Planner.Rollout 3) Clock.Lockstep true key
    |> Result.bind (fun cycle ->
        let journal =
            if withJournal then
                openJournal folder "measured.db" |> Result.map ValueSome
            else
                Ok ValueNone

        journal
        |> Result.map (fun journal ->
            use quarantine =
                new Quarantine(Path.Combine(folder, $"quarantine-{withJournal}.ndjson"))

            use stream = File.OpenRead lines
            let memory = List<float>()
            let mutable decided = 0

            let watch =
                { nobodyWatches with
                    Decided =
                        fun _ _ _ ->
                            decided <- decided + 1

                            if decided % (intervals / 10) = 0 then
                                memory.Add(residentMegabytes ())
                }

            let system = ScenarioController.system scenario
            let time = TimeProvider.System
            let began = time.GetTimestamp()

            let counts =
                withEngine (fun engine ->
                    ControlService.run
                        engine
                        (service scenario cycle journal (ValueSome quarantine) watch)
                        (Cycle.start cycle)
                        (Pull.source (LineSource.create system time stream) CancellationToken.None)
                        CancellationToken.None)

            let seconds = time.GetElapsedTime(began).TotalSeconds

            match journal with
            | ValueSome journal -> (journal :> IDisposable).Dispose()
            | ValueNone -> ()

            printfn
                $"{float counts.Decisions / seconds:F0} intervals/s: {counts.Decisions} decisions, {counts.Refits} refits, {counts.Quarantined} bad lines quarantined, journal {withJournal}; resident memory after a fifth {memory[1]:F0} MB, at the end {memory[memory.Count - 1]:F0} MB"))

/// Decisions on a simulated mesh, each interval as soon as the one before is decided on, while models are refitted.
let private latency folder (scenario: Scenario) intervals =
    match scenario.Simulation with
    | None -> Error $"{scenario.Name}: expected a scenario with a simulation"
    | Some simulation ->
        ScenarioController.create scenario Mode.Act (Planner.Rollout 3) Clock.RealTime true key
        |> Result.bind (fun cycle ->
            openJournal folder "latency.db"
            |> Result.map (fun journal ->
                use journal = journal
                let seconds = List<float>()
                let mutable besideRefits = 0

                let watch =
                    { nobodyWatches with
                        Decided = fun _ elapsed _ -> seconds.Add elapsed.TotalSeconds
                        Refitted = fun _ -> besideRefits <- besideRefits + 1
                    }

                let mesh =
                    MeshEnvironment.create
                        { scenario with
                            Experiment.Changes = []
                        }
                        simulation
                        key

                let observe =
                    EnvironmentSource.create
                        mesh
                        0L
                        intervals
                        Clock.RealTime
                        (Pace.Times 1000.0)
                        scenario.Live.Interval
                        TimeProvider.System
                        CancellationToken.None

                withEngine (fun engine ->
                    ControlService.runWith
                        engine
                        (service scenario cycle (ValueSome journal) ValueNone watch)
                        (Cycle.start cycle)
                        observe
                        mesh)
                |> ignore

                let milliseconds quantile =
                    1e3 * Statistics.Quantile(seconds, quantile)

                printfn
                    $"decision, from the interval's arrival until it is in the journal, while {besideRefits} models were fitted: median {milliseconds 0.5:F2} ms, 99 %% {milliseconds 0.99:F2} ms, longest {milliseconds 1.0:F2} ms, of {seconds.Count}"))

/// `SCENARIO [INTERVALS]`
let measure (arguments: string list) =
    let folder = Directory.CreateTempSubdirectory("control-").FullName
    let lines = Path.Combine(folder, "lines.ndjson")

    let measured path intervals =
        Scenario.load path
        |> Result.bind (fun scenario ->
            writeLines scenario (ScenarioController.system scenario) intervals lines
            |> Result.bind (fun () -> throughput folder (refittedEvery Int32.MaxValue scenario) lines false intervals)
            |> Result.bind (fun () -> throughput folder (refittedEvery 100 scenario) lines true intervals)
            |> Result.bind (fun () -> latency folder scenario 2000L))

    try
        match arguments with
        | [ path ] -> measured path 1_000_000
        | [ path; intervals ] -> measured path (Int32.Parse(intervals, CultureInfo.InvariantCulture))
        | _ -> Error "control: expected the folder of a scenario, and perhaps a number of intervals"
        |> function
            | Ok() -> 0
            | Error message ->
                eprintfn $"{message}"
                2
    finally
        Directory.Delete(folder, recursive = true)
