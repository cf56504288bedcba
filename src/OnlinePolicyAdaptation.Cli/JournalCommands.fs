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

/// Says where a scenario is not that of the journal.
let private warnIfEdited path journal settings scenario =
    match ControlSettings.edited journal settings scenario with
    | Some differences -> eprintfn $"opar: {path}: the scenario is not what it was ({differences})"
    | None -> ()

/// All rows that can be read; what cannot be is told on standard error.
let private rows system (journal: Journal) =
    let reader = IntervalReader system

    journal.Entries(0, Int32.MaxValue)
    |> Seq.choose (fun entry ->
        match JournalRow.read system reader entry with
        | Ok row -> Some row
        | Error reason ->
            eprintfn $"opar: {reason}"
            None)

let private export (arguments: ParseResults<ExportArguments>) =
    result {
        let path = arguments.GetResult ExportArguments.Journal

        let! journal, settings, scenario =
            opened path (arguments.TryGetResult ExportArguments.Scenario)

        use _ = journal
        warnIfEdited path journal settings scenario
        let system = ScenarioController.system scenario

        let! write =
            match arguments.GetResult(ExportArguments.Format, "csv") with
            | "csv" -> Ok(JournalCsv.write system (rows system journal))
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
        warnIfEdited path journal settings scenario
        let rows = rows (ScenarioController.system scenario) journal |> Seq.toArray
        let history = JournalHistory.ofJournal journal rows

        match JournalSummary.ofRows scenario.Goal.Reward rows with
        | None ->
            printfn $"{path}: no cycle yet"
            Terminal.table [ "what"; "value" ] (JournalReport.historyRows history)
        | Some summary ->
            JournalReport.table scenario summary history ||> Terminal.table
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
                    JournalReport.html
                        scenario
                        summary
                        history
                        rows
                        described
                        $"opar journal show {path} --report {out}"

                AtomicFile.Write(out, (fun text -> text.Write page))
                printfn $"report: {Path.GetFullPath out}"
    }

/// A time with its offset from UTC.
let private time option (text: string) =
    let hasOffset = Text.RegularExpressions.Regex.IsMatch(text, @"(Z|[+-]\d\d:\d\d)$")

    match DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None) with
    | true, time when hasOffset -> Ok time
    | _ -> Error $"{option}: '{text}'; expected a time with its offset, such as 2026-01-31T12:00:05Z"

let private undo (arguments: ParseResults<UndoArguments>) =
    result {
        let path = arguments.GetResult UndoArguments.Journal
        let! last = time "--to" (arguments.GetResult UndoArguments.To)

        match! JournalUndo.after (path, last, TimeProvider.System.GetUtcNow()) with
        | Some undone ->
            printfn
                $"{path}: {undone.Intervals} intervals taken back, from cycle {undone.First} on, with what was decided on them; they are kept as evidence"
        | None -> printfn $"{path}: nothing after {last:O}"
    }

let journal (arguments: ParseResults<JournalArguments>) =
    match arguments.GetSubCommand() with
    | JournalArguments.Export arguments -> export arguments
    | JournalArguments.Show arguments -> show arguments
    | JournalArguments.Undo arguments -> undo arguments

// --- Why

let private number = Numbers.short 6

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

let private alternatives
    (scenario: Scenario)
    (row: JournalRow)
    (model: Result<EstimatedModel, _>)
    (found: Alternative[])
    =
    match model with
    | Ok model ->
        printfn
            $"planned with the model fitted after cycle {model.FittedAt} to {model.Samples} samples, {row.Cycle - model.FittedAt} cycles old"
    | Error _ -> ()

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

let private verdict (scenario: Scenario) (row: JournalRow) (ordered: Command option) =
    printfn $"base policy's action: {moves scenario.System.Grid row.BaseAction}"

    row.Probe
    |> Option.iter (fun node ->
        printfn
            $"probe: {node} has few requests or none, and if it had become much faster another configuration would earn more; one step towards it, in place of the plan, shows whether it has")

    match row.Rules with
    | [] -> printfn "guard: no rule fired"
    | rules ->
        let fired = String.concat ", " rules
        printfn $"guard: {fired}"

    match ordered with
    | Some given when List.contains "ordered" row.Rules ->
        printfn $"ordered by {given.By} at {given.Time.UtcDateTime:O}: {given.Order.Text}"
    | _ -> ()

    printfn $"decided by {row.By}: {moves scenario.System.Grid row.Action}"

let explain (arguments: ParseResults<ExplainArguments>) =
    result {
        let path = arguments.GetResult ExplainArguments.Journal
        let cycle = arguments.GetResult ExplainArguments.Cycle

        let! journal, settings, scenario =
            opened path (arguments.TryGetResult ExplainArguments.Scenario)

        use journal = journal

        do!
            match ControlSettings.edited journal settings scenario with
            | Some differences when not (arguments.Contains ExplainArguments.Anyway) ->
                Error
                    $"{path}: the scenario is not what it was ({differences}); expected it as it was, or --anyway to explain with it as it is now"
            | _ -> Ok()

        warnIfEdited path journal settings scenario
        let system = ScenarioController.system scenario

        let! entry =
            match journal.Entries(cycle, cycle) |> Seq.tryHead with
            | Some entry -> Ok entry
            | None -> Error $"--cycle: {cycle}; {path} keeps cycles up to {journal.LastCycle}"

        let! row = JournalRow.read system (IntervalReader system) entry
        let! controller = ControlSettings.controller settings scenario Mode.Act
        let! estimated = Replay.estimated controller system journal cycle
        describe scenario row

        match Adapt.alternatives controller.Settings controller.Key estimated with
        | Ok found -> alternatives scenario row estimated.Model found
        | Error error -> printfn $"no comparison: {DecisionJson.error system.Topology.Services error}"

        verdict scenario row (journal.Commands(0, cycle) |> List.tryLast |> Option.map _.Command)
    }
