/// The picture of base policies and of what rollout makes of them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ComparisonChart

open OnlinePolicyAdaptation.Scenarios
open XPlot.Plotly
open OnlinePolicyAdaptation.ControlCycle

/// Between the rows of base policies, the lines of those who come from the system alone.
let private reference (rows: int) (s: PhaseSummary) : Trace =
    let style = ContenderStyle.style s.Contender

    Scatter(
        x = [ s.Reward.Mean; s.Reward.Mean ],
        y = [ -0.5; float rows - 0.5 ],
        mode = "lines",
        name = ContenderStyle.label s.Contender,
        line = Line(color = style.Colour, width = 1.5, dash = style.Dash)
    )

/// The ways in which every base policy is used, in the order in which they stand in its row.
let private uses (settings: RunSettings) =
    let horizons = List.distinct settings.Lookahead

    [
        "unchanged", Contender.Base
        for horizon in horizons do
            ContenderStyle.label (Contender.Rollout horizon), Contender.Rollout horizon
        for horizon in horizons do
            ContenderStyle.label (Contender.Multiagent horizon), Contender.Multiagent horizon
    ]

let private sameUse (contender: Contender) other =
    match contender with
    | Contender.RolloutForgetting _ -> false
    | _ -> contender.Planner = other

let private marker (style: ContenderStyle.Style) planner =
    Marker(
        color = style.Colour,
        size = 9.0,
        symbol =
            match planner with
            | Planner.BasePolicy -> "x"
            | Planner.Rollout _ -> "circle"
            | Planner.MultiagentRollout _ -> "diamond"
    )

let private chart (outcome: ExperimentOutcome) (summary: PhaseSummary list) afterTheChange =
    let settings = outcome.Settings
    let names = settings.BasePolicies |> List.map _.Name
    let uses = uses settings

    // The first row is on top, and so is the first use within it.
    let place row index =
        float (names.Length - 1 - row) + 0.3
        - 0.6 * float index / float (max 1 (uses.Length - 1))

    let points index (name, representative: Contender) : Trace =
        let found =
            [
                for s in summary do
                    match settings.BasePolicyOf s.Contender with
                    | Some basePolicy when sameUse s.Contender representative.Planner ->
                        place (List.findIndex ((=) basePolicy) names) index, s.Reward
                    | _ -> ()
            ]

        let style = ContenderStyle.style representative

        let half (e: ConfidenceInterval) =
            if System.Double.IsNaN e.HalfWidth then 0.0 else e.HalfWidth

        Scatter(
            x = (found |> List.map (fun (_, e) -> e.Mean)),
            y = (found |> List.map fst),
            mode = "markers",
            name = name,
            error_x =
                Error_x(
                    ``type`` = "data",
                    array = (found |> List.map (snd >> half)),
                    color = style.Colour,
                    thickness = 2.0,
                    width = 4.0
                ),
            marker = marker style representative.Planner
        )

    let references =
        summary
        |> List.filter (fun s -> (settings.BasePolicyOf s.Contender).IsNone)
        |> List.map (reference names.Length)

    Chart.Plot(
        references @ List.mapi points uses,
        Drawing.layout
            (Xaxis(title = $"reward per cycle{afterTheChange}"))
            (Yaxis(
                tickmode = "array",
                tickvals = [ for row in 0 .. names.Length - 1 -> names.Length - 1 - row ],
                ticktext = names,
                zeroline = false,
                range = [ -0.5; float names.Length - 0.5 ]
            ))
    )

/// The reward of every base policy and of what is made of it. None where one alone is looked at, or nothing was run after
/// the change.
let figure (outcome: ExperimentOutcome) =
    let settings = outcome.Settings
    let summary = outcome.Summary |> List.filter (fun s -> s.Phase = settings.Phase)

    if settings.BasePolicies.Length < 2 || summary.IsEmpty then
        None
    else
        let afterTheChange = if settings.Changes then " after the change" else ""

        let included =
            if settings.Changes then
                ", the cycles of adapting included"
            else
                ""

        Some
            {
                Heading = "Base policies, and rollout on them"
                Caption =
                    $"Reward per cycle{afterTheChange}{included}: means over {settings.Seeds} seeds with 95 %% confidence intervals. A row is a base policy; crosses are the policy itself, circles and diamonds rollout on it, joint and one control after another."
                Chart = chart outcome summary afterTheChange
            }
