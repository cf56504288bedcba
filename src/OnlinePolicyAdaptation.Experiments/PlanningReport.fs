/// The page about a study of planning.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.PlanningReport

open System.Globalization
open XPlot.Plotly
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// Colours of Okabe and Ito for the base policies, in their order; dashes tell the schemes apart.
let private colours =
    [| "rgb(213,94,0)"; "rgb(0,114,178)"; "rgb(204,121,167)"; "rgb(230,159,0)" |]

let private optimumColour = "rgb(0,158,115)"

let private colourOf (study: PlanningStudy) (name: string) =
    match study.Bases |> List.tryFindIndex (fun b -> b.Base.Name = name) with
    | Some index -> colours[index % colours.Length]
    | None -> optimumColour

let private dashOf scheme =
    match scheme with
    | RolloutScheme.Joint -> "solid"
    | RolloutScheme.Multiagent -> "dash"

let private number (value: float) =
    (if abs value < 0.005 then 0.0 else value).ToString("F2", CultureInfo.InvariantCulture)

let private horizonAxis (study: PlanningStudy) =
    Xaxis(
        title = "lookahead horizon l",
        tickmode = "array",
        tickvals = (study.Settings.Horizons |> List.map float |> List.toArray)
    )

/// One line per base policy and scheme, over the horizons.
let private overHorizons (study: PlanningStudy) (measure: RolloutValue -> float) : Trace list =
    study.Rollouts
    |> List.groupBy (fun rollout -> struct (rollout.Base.Name, rollout.Scheme))
    |> List.map (fun (struct (name, scheme), group) ->
        let label = $"{name}, {PlanningStudy.schemeName scheme}"

        Scatter(
            x = (group |> List.map _.Horizon),
            y = (group |> List.map measure),
            mode = "lines+markers",
            name = label,
            marker = Marker(size = 8.0, color = colourOf study name),
            line = Line(color = colourOf study name, width = 2.0, dash = dashOf scheme)
        ))

let private valueChart (study: PlanningStudy) heading caption yTitle (measure: float[] -> float) =
    let horizons = study.Settings.Horizons
    let optimum = measure study.Optimum.Values

    let line: Trace =
        Scatter(
            x = [ List.min horizons; List.max horizons ],
            y = [ optimum; optimum ],
            mode = "lines",
            name = "optimum",
            line = Line(color = optimumColour, width = 2.0, dash = "dot")
        )

    {
        Heading = heading
        Caption = caption
        Chart =
            Chart.Plot(
                line :: overHorizons study (fun rollout -> measure rollout.Values),
                Drawing.layout (horizonAxis study) (Yaxis(title = yTitle))
            )
    }

let private timeChart (study: PlanningStudy) =
    {
        Heading = "Computing time per decision"
        Caption =
            $"Median over {study.Settings.TimedStates} states of the time that one decision takes on one thread, the base policy's value being known. The scale is logarithmic. A joint decision with l = 1 compares {study.Problem.Scenario.Grid.ActionCount} actions, a multiagent one three moves of each of {study.Problem.Scenario.Grid.Controls.Count} controls in turn."
        Chart =
            Chart.Plot(
                overHorizons study (fun rollout -> rollout.SecondsPerDecision * 1e6),
                Drawing.layout (horizonAxis study) (Yaxis(title = "microseconds per decision", ``type`` = "log"))
            )
    }

let private newtonChart (study: PlanningStudy) (studied: StudiedBase) (step: NewtonStep) =
    let xs = step.Operator |> Array.map (fun (struct (x, _)) -> x)
    let ends = [| Array.min xs; Array.max xs |]

    let gain (operator: Line) =
        ends |> Array.map (fun x -> operator.At x - x)

    let curve name colour dash (xs: float[]) (ys: float[]) : Trace =
        Scatter(x = xs, y = ys, mode = "lines", name = name, line = Line(color = colour, width = 2.0, dash = dash))

    let point name colour x y : Trace =
        Scatter(
            x = [| x |],
            y = [| y |],
            mode = "markers",
            name = name,
            marker = Marker(size = 11.0, color = colour, symbol = "circle")
        )

    let configuration =
        study.Problem.Scenario.Grid.Describe study.Problem.Scenario.Start

    {
        Heading = $"Rollout of the {studied.Name} policy as a Newton step"
        Caption =
            $"At the start state ({configuration}): J runs along the line from the value function of the base policy to that of the rollout policy; upwards is what a Bellman operator adds to it, T J - J. An operator's own value function is where it adds nothing. T, with the best action, is convex; the rollout policy's operator is its tangent at the base policy's value and reaches zero at the rollout policy's value: one step of Newton's method for J = T J. The optimum is {number step.Optimal}."
        Chart =
            Chart.Plot(
                [
                    curve
                        "T, the best action"
                        optimumColour
                        "solid"
                        xs
                        (step.Operator |> Array.map (fun (struct (x, y)) -> y - x))
                    curve
                        "operator of the rollout policy"
                        (colourOf study studied.Name)
                        "dash"
                        ends
                        (gain step.RolloutOperator)
                    curve "operator of the base policy" "rgb(0,0,0)" "dashdot" ends (gain step.BaseOperator)
                    point $"base policy: {number step.Base}" "rgb(0,0,0)" step.Base 0.0
                    point $"rollout policy: {number step.Rollout}" (colourOf study studied.Name) step.Rollout 0.0
                ],
                Drawing.layout
                    (Xaxis(title = "value J of the start state"))
                    (Yaxis(title = "T J - J at the start state"))
            )
    }

/// The episodes of the optimum and of one base policy with its rollouts.
let private episodeChart (study: PlanningStudy) (studied: StudiedBase) =
    let shown =
        study.Episodes
        |> List.filter (fun e ->
            e.Name = "optimum"
            || e.Name = studied.Name
            || e.Name.StartsWith $"{studied.Name}, ")

    let line index (episode: Episode) : Trace =
        let colour =
            if episode.Name = "optimum" then
                optimumColour
            else
                [|
                    "rgb(0,0,0)"
                    "rgb(230,159,0)"
                    "rgb(86,180,233)"
                    "rgb(0,114,178)"
                    "rgb(204,121,167)"
                |][index % 5]

        Scatter(
            x = [| 1 .. episode.Rewards.Length |],
            y = (episode.Rewards |> Array.scan (+) 0.0 |> Array.tail),
            mode = "lines",
            name =
                (if episode.Name = studied.Name then
                     "base policy"
                 else
                     episode.Name.Replace($"{studied.Name}, ", "")),
            line =
                Line(
                    color = colour,
                    width = 2.0,
                    dash =
                        (if episode.Name = "optimum" then "dot"
                         elif episode.Name.Contains "multiagent" then "dash"
                         else "solid")
                )
        )

    {
        Heading = $"Episodes of the {studied.Name} policy and its rollouts"
        Caption =
            $"Total reward, not discounted, of the first {study.Problem.Scenario.Cycles} cycles from the start state. A line that falls misses an objective; one that is flat keeps both but saves nothing. Policies that act alike lie on top of each other."
        Chart =
            Chart.Plot(
                shown |> List.mapi line,
                Drawing.layout (Xaxis(title = "control cycle")) (Yaxis(title = "total reward"))
            )
    }

/// All figures, in the order they are read.
let figures (study: PlanningStudy) =
    let start = study.Problem.Scenario.Grid.Describe study.Problem.Scenario.Start

    [
        valueChart
            study
            "Value at the start state"
            $"Exact discounted value of the rollout policies from {start}. The table has the values of the base policies they improve."
            "value at the start state"
            (fun values -> values[study.Start])
        valueChart
            study
            "Mean value over all states"
            $"The same, averaged over all {study.Problem.Model.StateCount} states."
            "mean value"
            Array.average
        timeChart study
        for struct (studied, step) in study.NewtonSteps do
            newtonChart study studied step
        for baseValue in study.Bases do
            episodeChart study baseValue.Base
    ]

/// Header and cells of the table of all policies, for the page and the terminal alike.
let table (study: PlanningStudy) =
    let values = study.Optimum.Values

    let total =
        (study.Episodes |> List.map (fun e -> e.Name, Array.sum e.Rewards) |> Map.ofList).TryFind

    let row name episode (values: float[]) time =
        [
            name
            number values[study.Start]
            number (Array.average values)
            total episode |> Option.map number |> Option.defaultValue "–"
            time
        ]

    [
        "policy"
        "value at the start state"
        "mean value over states"
        $"reward of {study.Problem.Scenario.Cycles} cycles"
        "time per decision"
    ],
    [
        for baseValue in study.Bases do
            let name = baseValue.Base.Name
            row $"{name}, base policy" name baseValue.Values "–"

            for rollout in study.Rollouts do
                if rollout.Base.Name = name then
                    let title = PlanningStudy.rolloutName rollout
                    row title title rollout.Values (Page.duration rollout.SecondsPerDecision)

        row "optimum" "optimum" values "–"
    ]

/// The answer to the scenario's question in words, from the numbers.
let answer (study: PlanningStudy) =
    let at (values: float[]) = values[study.Start]
    let optimum = at study.Optimum.Values

    let sentence (baseValue: BaseValue) =
        let of' scheme horizon =
            study.Rollouts
            |> List.tryFind (fun r -> r.Base.Name = baseValue.Base.Name && r.Scheme = scheme && r.Horizon = horizon)
            |> Option.map (fun r -> $"{number (at r.Values)} ({PlanningStudy.schemeName scheme}, l = {horizon})")

        let longest = List.max study.Settings.Horizons

        let reached =
            [
                of' RolloutScheme.Joint 1
                of' RolloutScheme.Multiagent 1
                of' RolloutScheme.Joint longest
                of' RolloutScheme.Multiagent longest
            ]
            |> List.choose id
            |> List.distinct
            |> String.concat ", "

        $"Rollout raises the {baseValue.Base.Name} policy from {number (at baseValue.Values)} to {reached}."

    (study.Bases |> List.map sentence)
    @ [ $"The optimum is {number optimum} (discounted value at the start state)." ]
    |> String.concat " "

let private settings (study: PlanningStudy) command =
    let scenario = study.Problem.Scenario
    let count = study.Problem.Model.StateCount

    let violating =
        Seq.init count id
        |> Seq.filter (fun state ->
            let times = study.Problem.ResponseTimes[state].ToArray()

            times
            |> Seq.indexed
            |> Seq.exists (fun (i, d) -> scenario.Reward.Excess(i, d) > 0.0))
        |> Seq.length

    Page.settings
        [
            "scenario", scenario.Name
            "states", $"{count}, of which {violating} miss an objective"
            "actions", string<int> scenario.Grid.ActionCount
            "discount", string<float> scenario.Discount.Value
            "start", scenario.Grid.Describe scenario.Start
            "response times",
            (match study.Problem.Source with
             | ResponseTimeSource.Table path -> $"delay table {path}"
             | ResponseTimeSource.Trace path ->
                 $"random forest of {scenario.Estimation.Forest.Trees} trees fitted to {path}")
            "software", ResultFile.softwareVersion
            "computing time", Page.duration study.Elapsed.TotalSeconds
        ]
        command

/// The page; `command` runs the study again.
let html (study: PlanningStudy) command =
    let scenario = study.Problem.Scenario

    Page.html
        scenario.Title
        scenario.Question
        (answer study)
        [
            table study ||> Page.table
            yield! figures study |> List.map Page.figure
            settings study command
        ]
