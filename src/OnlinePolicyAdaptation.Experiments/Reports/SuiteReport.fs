/// What a suite came to: tables over its patterns, and a page of them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.SuiteReport

open System
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.ControlCycle

/// The horizon of a rollout policy, whatever its base.
let private horizonOf (contender: Contender) =
    match contender.Planner with
    | Planner.Rollout horizon -> Some horizon
    | _ -> None

let private horizons (outcomes: SuiteOutcome list) =
    outcomes
    |> List.collect _.Outcome.Settings.Lookahead
    |> List.distinct
    |> List.sort

/// The median of some numbers and the worst, which is the highest or the lowest.
let private medianAndWorst decimals worst (values: float[]) =
    match values |> Array.filter Double.IsFinite with
    | [||] -> "–"
    | values -> $"{Numbers.fixed' decimals (Statistics.Median values)} ({Numbers.fixed' decimals (worst values)})"

let private share predicate (items: 'item[]) =
    $"{items |> Array.filter predicate |> Array.length} of {items.Length}"

/// Whether a run does well at the end of a stage: 95 % of the best.
let private isGood (value: float) = value >= 0.95

/// Adapting stage by stage: all bases and seeds of a horizon taken together.
let adapting (outcomes: SuiteOutcome list) =
    [
        "pattern"
        "stage"
        "cycles"
        for horizon in horizons outcomes do
            $"l = {horizon}: adapted after, median (worst)"
            $"l = {horizon}: of the best, median (worst)"
            $"l = {horizon}: good at the end"
    ],
    [
        for outcome in outcomes do
            let stages = outcome.Outcome.Stages

            for stage, name, cycles in
                stages
                |> List.filter (fun s -> s.Stage > 0)
                |> List.map (fun s -> s.Stage, s.Name, s.Cycles)
                |> List.distinct do
                [
                    outcome.Pattern.Name
                    name
                    string<int> cycles
                    for horizon in horizons outcomes do
                        let runs =
                            stages
                            |> List.filter (fun s -> s.Stage = stage && horizonOf s.Contender = Some horizon)

                        let all pick =
                            runs |> Seq.collect (fun s -> pick s: 'value[]) |> Seq.toArray

                        ReportTables.adaptedOf "runs" (runs |> Seq.collect _.Adapted |> Seq.toArray)
                        medianAndWorst 2 Array.min (all _.ShareOfBest)
                        share isGood (all _.ShareOfBestAtEnd)
                ]
    ]

/// A way to control: all bases of a horizon, or one contender.
let private ways (outcomes: SuiteOutcome list) =
    [
        for horizon in horizons outcomes do
            $"rollout, l = {horizon}", (fun contender -> horizonOf contender = Some horizon)
        "threshold, as an autoscaler",
        (fun contender -> contender = Contender.Further("threshold", BasePolicyUse.Unchanged))
        for baseline in Baseline.all do
            ContenderStyle.label (Contender.Baseline baseline),
            (fun contender -> contender = Contender.Baseline baseline)
        ContenderStyle.label Contender.Optimum, (fun contender -> contender = Contender.Optimum)
    ]
    |> List.filter (fun (_, is) ->
        outcomes
        |> List.exists (fun outcome -> outcome.Outcome.Contenders |> List.exists is))

/// A measure of each run, combined over its stages from the first change on, an entry per base and seed.
let private runs (combine: float list -> float) (pick: StageSummary -> float[]) is (outcome: SuiteOutcome) =
    outcome.Outcome.Stages
    |> List.filter (fun s -> s.Stage > 0 && is s.Contender)
    |> List.groupBy _.Contender
    |> List.collect (fun (_, stages) ->
        List.init outcome.Outcome.Settings.Seeds (fun seed -> stages |> List.map (fun s -> (pick s)[seed]) |> combine))
    |> Array.ofList

let private byWay (outcomes: SuiteOutcome list) first cell (last: float[] list -> string) =
    first :: (outcomes |> List.map _.Pattern.Name) @ [ "all" ],
    [
        for name, is in ways outcomes do
            let values = outcomes |> List.map (cell is)

            [
                name
                for values in values do
                    medianAndWorst 1 Array.max values
                last values
            ]
    ]

/// Dynamic regret of a run from the first change on, median over bases and seeds, and the worst; then the mean over patterns of the medians.
let regret (outcomes: SuiteOutcome list) =
    byWay outcomes "dynamic regret" (runs List.sum _.Regret) (fun values ->
        values |> List.map Statistics.Median |> List.average |> Numbers.fixed' 1)

/// Cycles that miss an objective, in percent.
let violations (outcomes: SuiteOutcome list) =
    let percent is (outcome: SuiteOutcome) =
        let total =
            float (outcome.Outcome.Settings.Cycles - outcome.Outcome.Settings.ChangeAt)

        runs
            List.sum
            (fun s -> s.Violations |> Array.map (fun share -> 100.0 * share * float s.Cycles / total))
            is
            outcome

    byWay outcomes "% of the cycles miss an objective" percent (fun values ->
        values |> List.map Statistics.Median |> List.average |> Numbers.fixed' 1)

/// Of each base policy and horizon, the runs that do well at the end of every stage after the first change, over all patterns.
let bases (outcomes: SuiteOutcome list) =
    let names =
        outcomes
        |> List.collect (fun outcome -> outcome.Outcome.Settings.BasePolicies |> List.map _.Name)
        |> List.distinct

    [
        "base policy"
        for horizon in horizons outcomes do
            $"good at the end of every stage, l = {horizon}"
    ],
    [
        for name in names do
            [
                name
                for horizon in horizons outcomes do
                    outcomes
                    |> Seq.collect (fun outcome ->
                        let settings = outcome.Outcome.Settings

                        let stages =
                            outcome.Outcome.Stages
                            |> List.filter (fun s ->
                                s.Stage > 0
                                && horizonOf s.Contender = Some horizon
                                && settings.BasePolicyOf s.Contender = Some name)

                        if stages.IsEmpty then
                            Seq.empty
                        else
                            seq { 0 .. settings.Seeds - 1 }
                            |> Seq.map (fun seed -> stages |> List.forall (fun s -> isGood s.ShareOfBestAtEnd[seed])))
                    |> Seq.toArray
                    |> share id
            ]
    ]

/// Changes noticed by rollout, per 1,000 cycles, in patterns whose system does not change.
let falseAlarms (outcomes: SuiteOutcome list) =
    [
        "pattern without a change"
        "policy"
        "changes noticed per 1,000 cycles"
        "of the best, mean reward"
    ],
    [
        for outcome in outcomes do
            let optimum =
                outcome.Outcome.Summary
                |> List.tryFind (fun s -> s.Contender = Contender.Optimum)

            for s in outcome.Outcome.Summary do
                match s.Phase, optimum with
                | Phase.All, Some optimum when (horizonOf s.Contender).IsSome ->
                    [
                        outcome.Pattern.Name
                        ContenderStyle.label s.Contender
                        Numbers.fixed' 1 s.FalseAlarms
                        $"{Numbers.fixed' 1 (100.0 * s.Reward.Mean / optimum.Reward.Mean)} %%"
                    ]
                | _ -> ()
    ]

/// All tables, each with its heading.
let tables (outcomes: SuiteOutcome list) =
    [
        "Adapting, stage by stage", adapting outcomes
        "Dynamic regret", regret (outcomes |> List.filter (fun outcome -> outcome.Outcome.Settings.Changes))
        "Objectives missed", violations (outcomes |> List.filter (fun outcome -> outcome.Outcome.Settings.Changes))
        "Base policies", bases outcomes
        "Where nothing changes", falseAlarms outcomes
    ]
    |> List.filter (fun (_, (_, rows)) -> not rows.IsEmpty)

/// The tables as a text with Markdown's bars.
let markdown (outcomes: SuiteOutcome list) =
    let line (cells: string list) =
        let cells = String.concat " | " cells
        $"| {cells} |"

    [
        for heading, (header, rows) in tables outcomes do
            $"## {heading}"
            ""
            line header
            line (header |> List.map (fun _ -> "---"))
            yield! rows |> List.map line
            ""
    ]
    |> String.concat "\n"

/// The page.
let html title question command (outcomes: SuiteOutcome list) =
    let seeds =
        outcomes
        |> List.map _.Outcome.Settings.Seeds
        |> List.distinct
        |> List.map string<int>
        |> String.concat ", "

    Page.html
        title
        question
        $"{outcomes.Length} patterns, {seeds} seeds each."
        [
            Page.paragraph
                "Medians over all base policies and seeds, and in brackets the worst run. A run is good at the end of a stage where it earns 95 % of the best over the stage's last cycles. Regret is dynamic, against the best configuration of each cycle's system, and added up from the first change on, as objectives missed are."
            for heading, (header, rows) in tables outcomes do
                $"<h2>{Page.encode heading}</h2>"
                Page.table header rows
            Page.settings
                [
                    for outcome in outcomes do
                        outcome.Pattern.Name, outcome.Pattern.Title
                ]
                command
        ]
