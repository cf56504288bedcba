/// The files an experiment leaves: results.json with settings and summary, results.csv with every cycle.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ResultFile

open System
open System.Data
open System.IO
open System.Reflection
open System.Text.Encodings.Web
open System.Text.Json
open Sylvan.Data.Csv
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.ControlCycle

/// Version and commit of this software, as stamped into the assembly by the build.
let softwareVersion =
    match Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>() with
    | null -> "unknown"
    | attribute -> attribute.InformationalVersion

/// One row per contender, seed and cycle. With several services the columns of response times end in `_1`, `_2`, ..
let private cyclesTable (result: ExperimentResult) =
    let grid = result.Scenario.Grid
    let services = result.Scenario.Topology.Services.Count

    let perService name =
        [
            for service in 1..services -> if services = 1 then name else $"{name}_{service}"
        ]

    let columns =
        [
            "contender", typeof<string>
            "base_policy", typeof<string>
            "planner", typeof<string>
            "lookahead", typeof<int>
            "seed", typeof<int>
            "cycle", typeof<int>
            "phase", typeof<string>
            for name in
                [ for service in 1..services -> $"l{service}" ]
                @ [ for control in grid.Controls -> control.Name ]
                @ perService "response_time"
                @ [ "reward"; "slo_excess"; "cpu_cores" ]
                @ perService "predicted_response_time"
                @ [ "change_since"; "decision_seconds" ] do
                name, typeof<float>
        ]

    let cell (value: float voption) =
        match value with
        | ValueSome number -> box number
        | ValueNone -> box DBNull.Value

    let row (o: Observation) =
        let record = o.Timed.Record

        let numbers =
            [
                for service in record.Metrics.Services do
                    yield ValueSome service.OfferedLoad.PerSecond
                for value in grid.Values record.Metrics.Configuration do
                    yield ValueSome value
                for service in record.Metrics.Services do
                    yield Summary.measured service
                yield record.Reward
                yield ValueSome(Summary.excess result.Scenario o)
                yield Summary.cpuCores result.Scenario o
                for service in 0 .. services - 1 do
                    yield record.Predicted |> ValueOption.map (Array.item service)
                yield record.Change |> ValueOption.map (fun change -> float change.Since)
                yield ValueSome o.Timed.Decision.TotalSeconds
            ]

        let planner, lookahead =
            match o.Contender.Planner with
            | Planner.BasePolicy -> "none", box DBNull.Value
            | Planner.Rollout horizon -> "joint", box horizon
            | Planner.MultiagentRollout horizon -> "multiagent", box horizon

        [
            box o.Contender.Name
            Experiment.basePolicyOf result.Scenario o.Contender
            |> Option.map (fst >> box)
            |> Option.defaultValue (box DBNull.Value)
            box planner
            lookahead
            box o.Seed
            box record.Cycle
            box (Scenario.phaseName result.Scenario o.Phase)
        ]
        @ List.map cell numbers

    let table = new DataTable()

    for name, kind in columns do
        table.Columns.Add(name, kind) |> ignore

    for observation in result.Observations do
        table.Rows.Add(row observation |> List.toArray) |> ignore

    table

/// results.json, field by field. What is unknown is null.
type EstimateJson =
    {
        Mean: Nullable<float>
        HalfWidth95: Nullable<float>
    }

type SummaryJson =
    {
        Policy: string
        Phase: string
        RewardPerCycle: EstimateJson
        /// After the change, over the last cycles of the run.
        RewardPerCycleAtEnd: EstimateJson
        ShareOfOptimumAtEnd: Nullable<float>
        /// Share of the cycles.
        SloViolations: EstimateJson
        /// Seconds per cycle.
        SloExcess: EstimateJson
        /// Null where no control sets cores.
        CpuCores: EstimateJson
        PredictionNmae: EstimateJson
        /// Per seed, after the change.
        AdaptedAfterCycles: Nullable<int> list
        /// Per seed that has adapted.
        AdaptationSeconds: float list
        /// Measurements of the new system, median over all seeds; null where half of them did not adapt.
        AdaptationCycles: Nullable<float>
        ChangeNoticedAfterCycles: Nullable<int> list
        FalseAlarmsPer1000Cycles: float
        MedianDecisionSeconds: float
    }

type TraceJson =
    {
        File: string
        Rows: int
        RowsWithoutService: int
    }

type BasePolicyJson = { Name: string; Description: string }

type SettingsJson =
    {
        Scenario: string
        Cycles: int
        ChangeAt: int
        Lookahead: int list
        Discount: float
        Start: Map<string, float>
        Trees: int
        RegrownTrees: int
        Forgetting: string
        Outlook: string
        /// By name; the scenario's first.
        BasePolicies: BasePolicyJson list
        LoadStep: float
        TraceBefore: TraceJson
        TraceAfter: TraceJson
    }

type ResultsJson =
    {
        Software: string
        Settings: SettingsJson
        Seeds: int list
        ElapsedSeconds: float
        Summary: SummaryJson list
    }

let private settingsJson (result: ExperimentResult) =
    let scenario = result.Scenario

    let trace (t: TestbedTrace) =
        {
            File = t.Path
            Rows = t.Rows.Count
            RowsWithoutService = t.RowsWithoutService
        }

    {
        Scenario = scenario.Name
        Cycles = scenario.Cycles
        ChangeAt = scenario.ChangeAt
        Lookahead = scenario.Horizons
        Discount = scenario.Discount.Value
        Start =
            Seq.zip (scenario.Grid.Controls |> Seq.map _.Name) (scenario.Grid.Values scenario.Start)
            |> Map.ofSeq
        Trees = scenario.Estimation.Forest.Trees
        RegrownTrees = scenario.Estimation.RegrownTrees
        Forgetting = EstimationSyntax.forgettingName scenario.Estimation.Forgetting
        Outlook = EstimationSyntax.outlookName scenario.Estimation.Outlook
        BasePolicies =
            [
                for name, policy in Experiment.basePolicies scenario ->
                    {
                        Name = name
                        Description = GivenPolicy.describe policy
                    }
            ]
        LoadStep = scenario.Estimation.LoadStep
        TraceBefore = trace result.Traces.Before
        TraceAfter = trace result.Traces.After
    }

let private summaryJson scenario (s: PhaseSummary) =
    let known value =
        if Double.IsFinite value then Nullable value else Nullable()

    let estimate (e: ConfidenceInterval) =
        {
            Mean = known e.Mean
            HalfWidth95 = known e.HalfWidth
        }

    let cycles counts =
        [
            for count: int voption in counts ->
                match count with
                | ValueSome cycles -> Nullable<int> cycles
                | ValueNone -> Nullable()
        ]

    {
        Policy = s.Contender.Name
        Phase = Scenario.phaseName scenario s.Phase
        RewardPerCycle = estimate s.Reward
        RewardPerCycleAtEnd = estimate s.RewardAtEnd
        ShareOfOptimumAtEnd = known s.ShareOfOptimum
        SloViolations = estimate s.Violations
        SloExcess = estimate s.Excess
        CpuCores = estimate s.CpuCores
        PredictionNmae = estimate s.ModelError
        AdaptedAfterCycles = cycles s.Adapted
        AdaptationSeconds = List.ofArray s.AdaptationSeconds
        AdaptationCycles = known s.AdaptationCycles
        ChangeNoticedAfterCycles = cycles s.DetectionDelays
        FalseAlarmsPer1000Cycles = s.FalseAlarms
        MedianDecisionSeconds = s.MedianDecisionSeconds
    }

let private json (result: ExperimentResult) summary =
    let options =
        JsonSerializerOptions(
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            WriteIndented = true,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
        )

    JsonSerializer.Serialize(
        {
            Software = softwareVersion
            Settings = settingsJson result
            Seeds = [ 1 .. result.Scenario.Seeds ]
            ElapsedSeconds = result.Elapsed.TotalSeconds
            Summary = summary |> List.map (summaryJson result.Scenario)
        },
        options
    )

let private writeCsv (table: DataTable) (text: TextWriter) =
    use writer = CsvDataWriter.Create text
    use reader = table.CreateDataReader()
    writer.Write reader |> ignore

/// Writes the files into a folder, each whole or not at all; the path of the report.
let write directory (result: ExperimentResult) summary (report: string) =
    Directory.CreateDirectory directory |> ignore
    let file name = Path.Combine(directory, name)
    use table = cyclesTable result
    AtomicFile.Write(file "results.csv", writeCsv table)
    AtomicFile.Write(file "results.json", (fun text -> text.WriteLine(json result summary)))
    AtomicFile.Write(file "report.html", (fun text -> text.Write report))
    file "report.html"
