/// A page on what a controller has done, or would have done.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.JournalReport

open System
open System.Globalization
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Scenarios
open XPlot.Plotly
open OnlinePolicyAdaptation.ControlCycle

/// Points that a line is drawn with; of more, only some are.
let private resolution = 4000

let private number = Numbers.short 3

let private thinned (rows: JournalRow[]) =
    let step = max 1 ((rows.Length + resolution - 1) / resolution)
    [| for i in 0..step .. rows.Length - 1 -> rows[i] |]

let private figure heading caption axis (rows: JournalRow[]) (traces: Trace list) =
    let layout = Drawing.layout (Xaxis(title = "cycle")) (Yaxis(title = axis))

    // The changes of the system that were noticed.
    layout.shapes <-
        [
            for row in rows do
                if row.Change.IsSome then
                    Drawing.mark row.Cycle
        ]

    {
        Heading = heading
        Caption = caption
        Chart = Chart.Plot(traces, layout)
    }

/// A line through the rows that have a value.
let private line name colour dash (value: JournalRow -> float option) (rows: JournalRow[]) =
    rows
    |> Array.choose (fun row -> value row |> Option.map (fun value -> float row.Cycle, value))
    |> Drawing.line name colour dash

let private measured (scenario: Scenario) rows service =
    let name = scenario.System.Topology.Services[service]
    let bound = scenario.Goal.Reward.Objectives[service].Bound.Seconds

    let seconds (row: JournalRow) =
        row.Interval.Services[service].MeanResponseTime
        |> Option.ofNullable
        |> Option.map _.Seconds

    figure
        $"Response time of {name}"
        "Mean over each monitoring interval, and its bound. Vertical lines: a change of the system was noticed."
        "response time (s)"
        rows
        [
            line "measured" Palette.blue "solid" seconds rows
            line "bound" Palette.vermilion "dash" (fun _ -> Some bound) rows
        ]

let private control (scenario: Scenario) rows index =
    let control = scenario.System.Grid.Controls[index]

    figure
        $"Control {control.Name}"
        "The value in force in each interval, and the one decided on after it. In shadow mode nothing is brought into force."
        control.Name
        rows
        [
            line
                "in force"
                Palette.darkGrey
                "solid"
                (fun row -> Some(control.Value row.Interval.Configuration.Levels[index]))
                rows
            line "decided on" Palette.blue "dot" (fun row -> Some row.Target[index]) rows
        ]

let private gain rows =
    figure
        "Predicted difference"
        "How much more the controller expects of its action than of the base policy's: the difference of their Q-factors, sums of discounted rewards as the system model sees them. Where a rule of the guard changed what was planned, there is none."
        "difference of Q-factors"
        rows
        [ line "rollout over base policy" Palette.blue "solid" _.Gain rows ]

let private reward rows =
    figure "Reward" "Of each interval, as measured." "reward" rows [ line "reward" Palette.blue "solid" _.Reward rows ]

let private counts (items: (string * 'count) list) =
    match items with
    | [] -> "none"
    | items -> items |> List.map (fun (name, count) -> $"{name} {count}") |> String.concat ", "

/// A few cycles by number, many by their count.
let private cycles (numbers: int list) =
    match numbers with
    | [] -> "none"
    | numbers when numbers.Length > 20 -> $"{numbers.Length}, from cycle {numbers.Head} to {List.last numbers}"
    | numbers -> numbers |> List.map string<int> |> String.concat ", "

let private gaps (found: (int * TimeSpan) list) =
    match found with
    | [] -> "none"
    | found ->
        let cycle, longest = List.maxBy snd found
        $"{found.Length}, the longest of {number longest.TotalSeconds} s before cycle {cycle}"

/// What is said besides the cycles, where there is something to say.
let historyRows (history: JournalHistory) =
    let quarantined, others =
        history.Tallies
        |> List.partition (fun tally -> tally.Kind.StartsWith "quarantined.")

    [
        [ "what became of decisions"; counts history.Outcomes ]
        [ "actions not known to be delivered, in cycles"; cycles history.Undelivered ]
        [
            "quarantined elements"
            counts
                [
                    for tally in quarantined -> tally.Kind.Substring("quarantined.".Length), tally.Count
                ]
        ]
        [
            "failed refits"
            match others |> List.tryFind (fun tally -> tally.Kind = JournalHistory.refitFailed) with
            | Some tally ->
                let last = tally.Last.UtcDateTime.ToString "u"
                $"{tally.Count}, the last at {last}: {tally.Reason}"
            | None -> "none"
        ]
        for tally in others do
            if tally.Kind <> JournalHistory.refitFailed then
                [ tally.Kind; string<int64> tally.Count ]
        for undone in history.Undone do
            let at = undone.At.UtcDateTime.ToString "u"

            [
                $"taken back at {at}"
                $"{undone.Intervals} intervals, from cycle {undone.First} on"
            ]
    ]

/// What is said of a journal in the terminal and on the page.
let table (scenario: Scenario) (summary: JournalSummary) (history: JournalHistory) =
    [ "what"; "value" ],
    [
        [ "cycles"; string summary.Cycles ]
        [ "from"; summary.First.UtcDateTime.ToString "u" ]
        [ "to"; summary.Last.UtcDateTime.ToString "u" ]
        [ "mode"; summary.Mode ]
        [ "decided by"; counts summary.Authors ]
        [ "actions (a control moves)"; string summary.Actions ]
        [ "decisions other than the base policy's"; string summary.Departures ]
        [
            "predicted gain of these over the base policy (difference of Q-factors, mean)"
            summary.PredictedGain |> Option.map number |> Option.defaultValue "–"
        ]
        [
            "reward per interval"
            summary.Reward |> Option.map number |> Option.defaultValue "–"
        ]
        for i in 0 .. summary.Violations.Length - 1 do
            [
                $"bound missed by {scenario.System.Topology.Services[i]}"
                summary.Violations[i].ToString("P1", CultureInfo.InvariantCulture)
            ]
        [ "changes noticed, in cycles"; cycles summary.Changes ]
        [ "gaps in time"; gaps summary.Gaps ]
        [ "guard rules that fired"; counts summary.Rules ]
        [ "trouble"; counts summary.Errors ]
        yield! historyRows history
    ]

/// The outcome in a sentence.
let answer (summary: JournalSummary) =
    let would, gain =
        match summary.Mode with
        | "shadow" -> "would have departed", "would have gained"
        | _ -> "departed", "gained"

    match summary.PredictedGain with
    | Some difference ->
        $"In {summary.Departures} of {summary.Cycles} decisions the controller {would} from the base policy, and by its model {gain} {number difference} of discounted reward each time, on average."
    | None -> $"The controller never departed from the base policy in {summary.Cycles} decisions."

let html
    (scenario: Scenario)
    (summary: JournalSummary)
    (history: JournalHistory)
    (rows: JournalRow[])
    (settings: (string * string) list)
    command
    =
    let rows = thinned rows

    let question =
        match summary.Mode with
        | "shadow" -> "What would the controller have done?"
        | _ -> "What has the controller done?"

    Page.html
        $"{scenario.Title}: journal"
        question
        (answer summary)
        [
            table scenario summary history ||> Page.table
            Page.figure (reward rows)
            for service in 0 .. scenario.System.Topology.Services.Count - 1 do
                Page.figure (measured scenario rows service)
            for index in 0 .. scenario.System.Grid.Controls.Count - 1 do
                Page.figure (control scenario rows index)
            Page.figure (gain rows)
            Page.settings settings command
        ]
