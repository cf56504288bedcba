/// opar testbed record: a trace of the real system on this machine.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TestbedRecord

open System
open System.IO
open System.Threading
open System.Threading.Tasks
open Argu
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios

/// Loads in the columns expected_l1, .. are in req/s.
let private unit = RequestRate 1.0

/// What is to be visited, in the order of the visits.
type private PlannedVisit =
    {
        Level: EquatableArray<RequestRate>
        Configuration: Configuration
        /// Intervals that are still to be measured.
        Intervals: int
    }

/// A random order of items.
let internal shuffled (key: RandomKey) (items: 'item[]) =
    let mutable random = key.Sequence()
    let shuffled = Array.copy items
    random.Shuffle(Span shuffled)
    shuffled

/// The rows of a recording that was interrupted.
let private before (scenario: Scenario) path =
    if File.Exists path then
        let columns =
            TraceColumns.Testbed(scenario.System.Grid, scenario.System.Topology.Services.Count, "req/s")

        [
            for i, row in Seq.indexed (TestbedTrace.Read(path, scenario.System.Grid, columns).Rows) ->
                RecordedInterval(row.LoadLevels, Metrics(int64 i, row.Configuration, row.Services))
        ]
    else
        []

let private visits (scenario: Scenario) (testbed: TestbedPart) intervals most (recorded: RecordedInterval list) =
    let key = RandomKey(uint64 testbed.Recording.Seed)

    let levels =
        testbed.Recording.LoadLevels
        |> Option.defaultWith (fun () -> Scenario.loadLevels scenario)

    let known =
        recorded
        |> Seq.countBy (fun row -> row.LoadLevels, row.Metrics.Configuration)
        |> readOnlyDict

    [
        for i, level in List.indexed levels do
            let order = shuffled (key.Split i) (scenario.System.Grid.Configurations())

            for configuration in order |> Array.truncate (Option.defaultValue order.Length most) do
                let done' =
                    match known.TryGetValue((level, configuration)) with
                    | true, count -> count
                    | _ -> 0

                if done' < intervals then
                    {
                        Level = level
                        Configuration = configuration
                        Intervals = intervals - done'
                    }
    ]

let private write path (scenario: Scenario) (rows: ResizeArray<RecordedInterval>) =
    TestbedTraceWriter.Write(path, scenario.System.Topology, scenario.System.Grid, unit, rows)

/// Measures a configuration. Its load is its own, so that no queue of the one before is left, and its rows are on the disk
/// before the next.
let private measure
    (scenario: Scenario)
    (testbed: TestbedPart)
    processes
    path
    (rows: ResizeArray<RecordedInterval>)
    (onInterval: unit -> unit)
    (visit: PlannedVisit)
    (cancellation: CancellationToken)
    =
    task {
        use load =
            TestbedSystem.load
                scenario
                processes
                (visit.Level |> Seq.map (fun rate -> LoadPattern.Constant rate :> LoadPattern))
                (RandomKey(uint64 testbed.Recording.Seed).Split rows.Count)

        let environment =
            TestbedSystem.environment scenario testbed processes load (fun _ _ -> Task.CompletedTask)

        do! environment.ApplyAsync(visit.Configuration, cancellation)

        for _ in 1 .. visit.Intervals do
            let! metrics = environment.ObserveAsync cancellation
            rows.Add(RecordedInterval(visit.Level, Metrics(int64 rows.Count, metrics.Configuration, metrics.Services)))
            onInterval ()

        write path scenario rows
    }

let private record (scenario: Scenario) (testbed: TestbedPart) path afterChange (visits: PlannedVisit list) recorded =
    Terminal.untilInterrupted Terminal.atOnce (fun cancellation ->
        let rows = ResizeArray<RecordedInterval>(recorded: RecordedInterval list)
        let total = visits |> List.sumBy _.Intervals
        let mutable measured = 0

        let work (report: int64 -> string -> unit) =
            task {
                use! processes = TestbedSystem.start scenario testbed cancellation

                if afterChange then
                    for changed in scenario.Experiment.Changes do
                        for change in changed.Testbed do
                            do! TestbedSystem.change scenario testbed processes cancellation change

                let onInterval () =
                    measured <- measured + 1
                    report measured (TestbedSystem.remaining testbed (total - measured))

                for visit in visits do
                    do! measure scenario testbed processes path rows onInterval visit cancellation
            }

        try
            Terminal.withMeter $"recording {scenario.Name}" total (fun report ->
                (work report).GetAwaiter().GetResult())

            Ok rows.Count
        with :? OperationCanceledException ->
            Error $"stopped; the same command goes on after the {rows.Count} rows in {path}")

let run (arguments: ParseResults<TestbedRecordArguments>) =
    result {
        let! scenario = Scenario.load (arguments.GetResult TestbedRecordArguments.Scenario)
        let! testbed = TestbedSystem.part scenario
        let path = arguments.GetResult TestbedRecordArguments.Out
        AtomicFile.RequireFolder path

        let intervals =
            arguments.GetResult(TestbedRecordArguments.Intervals, testbed.Recording.Intervals)

        let most = arguments.TryGetResult TestbedRecordArguments.Configurations

        if intervals < 1 then
            return! Error $"--intervals: {intervals}; expected at least 1"
        elif most |> Option.exists (fun most -> most < 1) then
            return! Error $"--configurations: {most.Value}; expected at least 1"
        else
            let recorded = before scenario path
            let visits = visits scenario testbed intervals most recorded

            if not recorded.IsEmpty then
                Terminal.tell $"{path} has {recorded.Length} rows already"

            let! rows =
                record scenario testbed path (arguments.Contains TestbedRecordArguments.After_Change) visits recorded

            printfn $"{Path.GetFullPath path}: {rows} intervals"
    }
