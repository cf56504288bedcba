/// opar journal and opar explain: what a controller has done, and why.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.JournalCommands

open FsToolkit.ErrorHandling
open System
open System.Globalization
open System.IO
open Argu
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Service

/// A journal with the scenario of its controller, which may have been moved since.
let private opened path (moved: string option) =
    result {
        let! journal = Journal.OpenToRead path
        let! settings = ControlSettings.ofJournal path journal

        let settings =
            match moved with
            | Some scenario ->
                { settings with
                    Scenario = Scenario.file scenario
                }
            | None -> settings

        let! scenario = ControlSettings.scenario settings
        return journal, settings, scenario
    }

/// All rows that can be read; what cannot be is told on standard error.
let private rows vocabulary (journal: Journal) =
    let reader = IntervalReader vocabulary

    journal.Entries(0, Int32.MaxValue)
    |> Seq.choose (fun entry ->
        match JournalRow.read vocabulary reader entry with
        | Ok row -> Some row
        | Error reason ->
            eprintfn $"opar: {reason}"
            None)

let private export (arguments: ParseResults<ExportArguments>) =
    result {
        let path = arguments.GetResult ExportArguments.Journal

        let! journal, _, scenario =
            opened path (arguments.TryGetResult ExportArguments.Scenario)

        use _ = journal
        let vocabulary = ScenarioController.vocabulary scenario

        let! write =
            match arguments.GetResult(ExportArguments.Format, "csv") with
            | "csv" -> Ok(JournalCsv.write vocabulary (rows vocabulary journal))
            | "intervals" ->
                Ok(fun text ->
                    for entry in journal.Entries(0, Int32.MaxValue) do
                        text.WriteLine entry.Interval)
            | "decisions" ->
                Ok(fun text ->
                    for entry in journal.Entries(0, Int32.MaxValue) do
                        text.WriteLine entry.Decision)
            | other -> Error $"--format: '{other}'; expected csv, intervals or decisions"

        match arguments.TryGetResult ExportArguments.Out with
        | Some out -> AtomicFile.Write(out, write)
        | None ->
            use output = new StreamWriter(Console.OpenStandardOutput())
            write output
    }

let private show (arguments: ParseResults<JournalShowArguments>) =
    result {
        let path = arguments.GetResult JournalShowArguments.Journal

        let! journal, settings, scenario =
            opened path (arguments.TryGetResult JournalShowArguments.Scenario)

        use _ = journal
        let rows = rows (ScenarioController.vocabulary scenario) journal |> Seq.toArray

        match JournalSummary.ofRows scenario.Goal.Reward.Objectives rows with
        | None -> printfn $"{path}: no cycle yet"
        | Some summary ->
            JournalReport.table scenario summary ||> Terminal.table
            printfn $"{JournalReport.answer summary}"

            match arguments.TryGetResult JournalShowArguments.Report with
            | None -> ()
            | Some out ->
                let described =
                    [
                        "scenario", scenario.Name
                        "lookahead horizon", string settings.Lookahead
                        "clock", settings.Clock
                        "source of metrics", settings.Source
                        "model fitted to", settings.Forgetting
                        "planned with", settings.Outlook
                    ]

                let page =
                    JournalReport.html scenario summary rows described $"opar journal show {path} --report {out}"

                AtomicFile.Write(out, (fun text -> text.Write page))
                printfn $"report: {Path.GetFullPath out}"
    }

let journal (arguments: ParseResults<JournalArguments>) =
    match arguments.GetSubCommand() with
    | JournalArguments.Export arguments -> export arguments
    | JournalArguments.Show arguments -> show arguments

// --- Why

let private number (value: float) =
    value.ToString("0.######", CultureInfo.InvariantCulture)

let private moves (grid: ControlGrid) (moves: int seq) =
    Seq.map2 (fun (control: Control) (move: int) -> $"{control.Name} %+d{move}".Replace("+0", "0")) grid.Controls moves
    |> String.concat ", "

let private describe (scenario: Scenario) (row: JournalRow) =
    printfn $"cycle {row.Cycle}, {row.Interval.Time:O}, mode {row.Mode}"
    printfn $"in force: {scenario.System.Grid.Describe row.Interval.Configuration}"

    for i in 0 .. scenario.System.Topology.Services.Count - 1 do
        let service = row.Interval.Services[i]

        let seconds =
            if service.MeanResponseTime.HasValue then
                $"{number service.MeanResponseTime.Value.Seconds} s"
            else
                "nothing served"

        printfn
            $"{scenario.System.Topology.Services[i]}: offered {number service.OfferedLoad.PerSecond} req/s, carried {number service.CarriedLoad.PerSecond} req/s, response time {seconds}, bound {number scenario.Goal.Reward.Objectives[i].Bound.Seconds} s"

    row.Reward |> Option.iter (fun reward -> printfn $"reward: {number reward}")

    for error in row.Errors do
        printfn $"trouble: {error}"

let private alternatives (scenario: Scenario) (row: JournalRow) (model: ModelVersion voption) (found: Alternative[]) =
    match model with
    | ValueSome model ->
        printfn
            $"planned with the model fitted after cycle {model.FittedAt} to {model.Samples} samples, {row.Cycle - model.FittedAt} cycles old"
    | ValueNone -> ()

    Terminal.table
        [
            "action"
            "leads to"
            for service in scenario.System.Topology.Services do
                $"predicted {service} (s)"
            "Q-factor"
            ""
        ]
        [
            for alternative in found |> Array.sortByDescending _.QFactor do
                [
                    moves scenario.System.Grid alternative.Action.Moves
                    scenario.System.Grid.Describe alternative.Next
                    for seconds in alternative.Predicted do
                        number seconds
                    number alternative.QFactor
                    String.concat
                        ", "
                        [
                            if Seq.toArray alternative.Action.Moves = row.Action then
                                "decided"
                            if Seq.toArray alternative.Action.Moves = row.BaseAction then
                                "base policy"
                        ]
                ]
        ]

let private verdict (scenario: Scenario) (row: JournalRow) =
    printfn $"base policy's action: {moves scenario.System.Grid row.BaseAction}"

    match row.Rules with
    | [] -> printfn "guard: no rule fired"
    | rules ->
        let fired = String.concat ", " rules
        printfn $"guard: {fired}"

    printfn $"decided by {row.By}: {moves scenario.System.Grid row.Action}"

let explain (arguments: ParseResults<ExplainArguments>) =
    result {
        let path = arguments.GetResult ExplainArguments.Journal
        let cycle = arguments.GetResult ExplainArguments.Cycle

        let! journal, settings, scenario =
            opened path (arguments.TryGetResult ExplainArguments.Scenario)

        use journal = journal
        let vocabulary = ScenarioController.vocabulary scenario

        let! entry =
            match journal.Entries(cycle, cycle) |> Seq.tryHead with
            | Some entry -> Ok entry
            | None -> Error $"--cycle: {cycle}; {path} keeps cycles up to {journal.LastCycle}"

        let! row = JournalRow.read vocabulary (IntervalReader vocabulary) entry
        let! struct (options, start) = ControlSettings.controller settings scenario Mode.Act

        let! state, noted =
            Replay.planning options (ControlSettings.clock settings) vocabulary start journal cycle

        describe scenario row

        match noted.Observed with
        | Error _ -> ()
        | Ok observed ->
            match Cycle.alternatives options.Settings state.Cycle observed with
            | Ok found ->
                let _, record = Cycle.decide options.Settings state.Cycle observed
                alternatives scenario row record.Model found
            | Error error -> printfn $"no comparison: {DecisionJson.error vocabulary.Topology.Services error}"

        verdict scenario row
    }
