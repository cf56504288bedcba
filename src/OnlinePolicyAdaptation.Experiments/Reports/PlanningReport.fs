/// The page about a study of planning.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.PlanningReport

open OnlinePolicyAdaptation.Scenarios
open XPlot.Plotly
open OnlinePolicyAdaptation.Planning

/// Colours of Okabe and Ito for the base policies, in their order; dashes tell the schemes apart.
let private colours =
    [| Palette.vermilion; Palette.blue; Palette.purple; Palette.orange |]

let private colourOf (study: PlanningStudy) (name: string) =
    match study.Bases |> List.tryFindIndex (fun b -> b.Name = name) with
    | Some index -> colours[index % colours.Length]
    | None -> Palette.green

let private dashOf scheme =
    match scheme with
    | RolloutScheme.Joint -> "solid"
    | RolloutScheme.Multiagent -> "dash"

let private number = Numbers.fixed' 2

let private horizonAxis (study: PlanningStudy) =
    Xaxis(
        title = "lookahead horizon l",
        tickmode = "array",
        tickvals = (study.Horizons |> List.map float |> List.toArray)
    )

/// One line per base policy and scheme, over the horizons.
let private overHorizons (study: PlanningStudy) (measure: RolloutValue -> float) : Trace list =
    study.Rollouts
    |> List.groupBy (fun rollout -> struct (rollout.Base, rollout.Scheme))
    |> List.map (fun (struct (name, scheme), group) ->
        let label = $"{name}, {scheme.Name}"

        Scatter(
            x = (group |> List.map _.Horizon),
            y = (group |> List.map measure),
            mode = "lines+markers",
            name = label,
            marker = Marker(size = 8.0, color = colourOf study name),
            line = Line(color = colourOf study name, width = 2.0, dash = dashOf scheme)
        ))

let private valueChart (study: PlanningStudy) heading caption yTitle (measure: PolicyValue -> float) =
    let horizons = study.Horizons
    let optimum = measure study.Optimum

    let line: Trace =
        Scatter(
            x = [ List.min horizons; List.max horizons ],
            y = [ optimum; optimum ],
            mode = "lines",
            name = "optimum",
            line = Line(color = Palette.green, width = 2.0, dash = "dot")
        )

    {
        Heading = heading
        Caption = caption
        Chart =
            Chart.Plot(
                line :: overHorizons study (fun rollout -> measure rollout.Value),
                Drawing.layout (horizonAxis study) (Yaxis(title = yTitle))
            )
    }

let private timeChart (study: PlanningStudy) =
    {
        Heading = "Computing time per decision"
        Caption =
            $"Median over {study.TimedStates} states of the time that one decision takes on one thread, the base policy's value being known. The scale is logarithmic. A joint decision with l = 1 compares {study.Actions} actions, a multiagent one three moves of each of {study.Controls} controls in turn."
        Chart =
            Chart.Plot(
                overHorizons study (fun rollout -> rollout.SecondsPerDecision * 1e6),
                Drawing.layout (horizonAxis study) (Yaxis(title = "microseconds per decision", ``type`` = "log"))
            )
    }

let private newtonChart (study: PlanningStudy) (picture: NewtonPicture) =
    let ends = [| Array.head picture.Values; Array.last picture.Values |]
    let colour = colourOf study picture.Base

    let gain (operator: StraightLine) =
        ends |> Array.map (fun x -> operator.At x - x)

    let curve name colour dash (xs: float[]) (ys: float[]) : Trace =
        Scatter(x = xs, y = ys, mode = "lines", name = name, line = Line(color = colour, width = 2.0, dash = dash))

    let point name colour x : Trace =
        Scatter(
            x = [| x |],
            y = [| 0.0 |],
            mode = "markers",
            name = name,
            marker = Marker(size = 11.0, color = colour, symbol = "circle")
        )

    {
        Heading = $"Rollout of the {picture.Base} policy as a Newton step"
        Caption =
            $"At the start state ({study.Start}): J runs along the line from the value function of the base policy to that of the rollout policy; upwards is what a Bellman operator adds to it, T J - J. An operator's own value function is where it adds nothing. T, with the best action, is convex; the rollout policy's operator is its tangent at the base policy's value and reaches zero at the rollout policy's value: one step of Newton's method for J = T J. The optimum is {number picture.OptimalValue}."
        Chart =
            Chart.Plot(
                [
                    curve
                        "T, the best action"
                        Palette.green
                        "solid"
                        picture.Values
                        (Array.map2 (-) picture.BackedUp picture.Values)
                    curve "operator of the rollout policy" colour "dash" ends (gain picture.RolloutOperator)
                    curve "operator of the base policy" Palette.black "dashdot" ends (gain picture.BaseOperator)
                    point $"base policy: {number picture.BaseValue}" Palette.black picture.BaseValue
                    point $"rollout policy: {number picture.RolloutValue}" colour picture.RolloutValue
                ],
                Drawing.layout
                    (Xaxis(title = "value J of the start state"))
                    (Yaxis(title = "T J - J at the start state"))
            )
    }

/// The episodes of the optimum and of one base policy with its rollouts.
let private episodeChart (study: PlanningStudy) name =
    let shown =
        study.Episodes
        |> List.filter (fun e -> e.Name = "optimum" || e.Name = name || e.Name.StartsWith $"{name}, ")

    let line index (episode: Episode) : Trace =
        let colour =
            if episode.Name = "optimum" then
                Palette.green
            else
                [|
                    Palette.black
                    Palette.orange
                    Palette.skyBlue
                    Palette.blue
                    Palette.purple
                |][index % 5]

        Scatter(
            x = [| 1 .. episode.Rewards.Length |],
            y = (episode.Rewards |> Array.scan (+) 0.0 |> Array.tail),
            mode = "lines",
            name =
                (if episode.Name = name then
                     "base policy"
                 else
                     episode.Name.Replace($"{name}, ", "")),
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
        Heading = $"Episodes of the {name} policy and its rollouts"
        Caption =
            $"Total reward, not discounted, of the first {study.Episodes.Head.Rewards.Length} cycles from the start state. A line that falls misses an objective; one that is flat keeps both but saves nothing. Policies that act alike lie on top of each other."
        Chart =
            Chart.Plot(
                shown |> List.mapi line,
                Drawing.layout (Xaxis(title = "control cycle")) (Yaxis(title = "total reward"))
            )
    }

/// All figures, in the order they are read.
let figures (study: PlanningStudy) =
    [
        valueChart
            study
            "Value at the start state"
            $"Exact discounted value of the rollout policies from {study.Start}. The table has the values of the base policies they improve."
            "value at the start state"
            _.AtStart
        valueChart
            study
            "Mean value over all states"
            $"The same, averaged over all {study.States} states."
            "mean value"
            _.Mean
        timeChart study
        for picture in study.NewtonSteps do
            newtonChart study picture
        for basePolicy in study.Bases do
            episodeChart study basePolicy.Name
    ]

/// Header and cells of the table of all policies, for the page and the terminal alike.
let table (study: PlanningStudy) =
    let total =
        (study.Episodes |> List.map (fun e -> e.Name, Array.sum e.Rewards) |> Map.ofList).TryFind

    let row name episode (value: PolicyValue) time =
        [
            name
            number value.AtStart
            number value.Mean
            total episode |> Option.map number |> Option.defaultValue "–"
            time
        ]

    [
        "policy"
        "value at the start state"
        "mean value over states"
        $"reward of {study.Episodes.Head.Rewards.Length} cycles"
        "time per decision"
    ],
    [
        for basePolicy in study.Bases do
            row $"{basePolicy.Name}, base policy" basePolicy.Name basePolicy.Value "–"

            for rollout in study.Rollouts do
                if rollout.Base = basePolicy.Name then
                    row rollout.Name rollout.Name rollout.Value (Wording.duration rollout.SecondsPerDecision)

        row "optimum" "optimum" study.Optimum "–"
    ]

/// What rollout makes of the base policies, in words, from the numbers.
let answer (study: PlanningStudy) =
    let longest = List.max study.Horizons

    let sentence (basePolicy: BaseValue) =
        let of' scheme horizon =
            study.Rollouts
            |> List.tryFind (fun r -> r.Base = basePolicy.Name && r.Scheme = scheme && r.Horizon = horizon)
            |> Option.map (fun r -> $"{number r.Value.AtStart} ({scheme.Name}, l = {horizon})")

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

        $"Rollout raises the {basePolicy.Name} policy from {number basePolicy.Value.AtStart} to {reached}."

    (study.Bases |> List.map sentence)
    @ [
        $"The optimum is {number study.Optimum.AtStart} (discounted value at the start state)."
    ]
    |> String.concat " "

/// The page; `command` runs the study again.
let html (scenario: Scenario) (study: PlanningStudy) command =
    Page.html
        scenario.Title
        scenario.Experiment.Question
        (answer study)
        [
            table study ||> Page.table
            yield! figures study |> List.map Page.figure
            Page.settings
                [
                    "scenario", scenario.Name
                    "states", $"{study.States}, of which {study.StatesMissing} miss an objective"
                    "actions", string<int> study.Actions
                    "discount", string<float>(let discount = scenario.Goal.Discount in discount.Value)
                    "start", study.Start
                    "response times", study.ResponseTimes
                    "software", Software.version
                    "computing time", Wording.duration study.ElapsedSeconds
                ]
                command
        ]
