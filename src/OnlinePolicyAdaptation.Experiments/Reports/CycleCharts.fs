/// The pictures of a report that show an experiment cycle by cycle.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.CycleCharts

open System
open XPlot.Plotly

/// What is drawn: the cycles of each contender that is not there to compare base policies, in their order.
type private Drawn =
    {
        Settings: RunSettings
        Cycles: (Contender * CycleResult[]) list
    }

/// The estimate over seeds of a measure in each cycle. Cycles without a value are left out.
let private overCycles (measure: CycleResult -> float voption) (cycles: CycleResult[]) =
    cycles
    |> Array.groupBy _.Cycle
    |> Array.sortBy fst
    |> Array.choose (fun (cycle, group) ->
        match group |> Array.choose (measure >> ValueOption.toOption) with
        | [||] -> None
        | values -> Some(cycle, ConfidenceInterval.ofSamples values))

/// A line with the 95 % interval as a band around it.
let private line contender (points: (int * ConfidenceInterval)[]) : Trace list =
    let style = ContenderStyle.style contender
    let group = ContenderStyle.label contender
    let cycles = points |> Array.map fst

    let edge sign =
        points
        |> Array.map (fun (_, e) -> e.Mean + sign * (if Double.IsNaN e.HalfWidth then 0.0 else e.HalfWidth))

    let bound = Line(width = 0.0, color = style.Colour)

    [
        Scatter(
            x = cycles,
            y = edge 1.0,
            mode = "lines",
            line = bound,
            hoverinfo = "skip",
            showlegend = false,
            legendgroup = group
        )
        Scatter(
            x = cycles,
            y = edge -1.0,
            mode = "lines",
            line = bound,
            fill = "tonexty",
            fillcolor = style.Shade,
            hoverinfo = "skip",
            showlegend = false,
            legendgroup = group
        )
        Scatter(
            x = cycles,
            y = (points |> Array.map (fun (_, e) -> e.Mean)),
            mode = "lines",
            name = group,
            legendgroup = group,
            line = Line(color = style.Colour, width = 2.0, dash = style.Dash)
        )
    ]

let private layout (settings: RunSettings) yTitle extraShapes =
    let within =
        settings.Stages
        |> List.filter (fun stage -> stage.FirstCycle > 0 && stage.FirstCycle < settings.Cycles)

    let change = within |> List.map (fun stage -> Drawing.mark stage.FirstCycle)

    let note =
        [
            for stage in within ->
                Annotation(
                    x = stage.FirstCycle,
                    y = 1.0,
                    xref = "x",
                    yref = "paper",
                    text =
                        (match within with
                         | [ _ ] -> "the system changes"
                         | _ -> stage.Name),
                    showarrow = false,
                    xanchor = "left",
                    yanchor = "bottom"
                )
        ]

    let layout = Drawing.layout (Xaxis(title = "control cycle")) (Yaxis(title = yTitle))
    layout.shapes <- extraShapes @ change
    layout.annotations <- note
    layout

let private lines drawn measure yTitle shapes =
    let traces =
        drawn.Cycles
        |> List.collect (fun (contender, cycles) -> cycles |> overCycles measure |> line contender)

    Chart.Plot(traces, layout drawn.Settings yTitle shapes)

let private bound (seconds: float) =
    Shape(
        ``type`` = "line",
        xref = "paper",
        yref = "y",
        x0 = 0.0,
        x1 = 1.0,
        y0 = seconds,
        y1 = seconds,
        line = Line(color = "#000", width = 1.0, dash = "dot")
    )

let private seeds (settings: RunSettings) =
    if settings.Seeds = 1 then
        "One seed."
    else
        $"Mean over {settings.Seeds} seeds; the shaded bands are 95 %% confidence intervals."

let private reward drawn =
    {
        Heading = "Reward per cycle"
        Caption =
            $"{seeds drawn.Settings} A positive reward is the share of resources left unused while the response time keeps its bound; a negative one is the number of seconds by which the bound is missed."
        Chart = lines drawn _.Reward "reward per cycle" []
    }

let private adaptation drawn (goal: float option) =
    let line =
        if goal.IsSome && (drawn.Settings.ChangesWithinRun || not drawn.Settings.Changes) then
            let after = if drawn.Settings.Changes then " after the change" else ""

            $" The dotted black line is what a configuration earns that is best by its mean response times{after}; where several are, the least of them."
        else
            ""

    {
        Heading = "Reward without the noise of single intervals"
        Caption =
            $"Expected reward of the configuration in force, from all rows recorded of it. {seeds drawn.Settings}{line}"
        Chart =
            lines
                drawn
                _.ExpectedReward
                "expected reward"
                [
                    if line <> "" then
                        yield! goal |> Option.map bound |> Option.toList
                ]
    }

let private responseTime drawn service =
    let objective = drawn.Settings.Services[service].ObjectiveSeconds

    {
        Heading = $"Response time of {drawn.Settings.Services[service].Name}"
        Caption =
            $"Mean response time over the monitoring interval. {seeds drawn.Settings} The dotted black line is its bound, {objective} s."
        Chart = lines drawn (fun c -> c.ResponseTimes[service]) "mean response time (s)" [ bound objective ]
    }

let private offeredLoad drawn service =
    let settings = drawn.Settings.Services[service]

    let cycles = drawn.Cycles |> List.head |> snd |> Array.filter (fun c -> c.Seed = 1)

    let series name colour (load: CycleResult -> float) : Trace =
        Scatter(
            x = (cycles |> Array.map _.Cycle),
            y = (cycles |> Array.map load),
            mode = "lines",
            name = name,
            line = Line(color = colour, width = 1.5)
        )

    {
        Heading = $"Offered load of {settings.Name}"
        Caption =
            $"Seed 1, the same under every policy: {settings.Load}. Measured is what arrived within the monitoring interval."
        Chart =
            Chart.Plot(
                [
                    series "measured" Palette.grey (fun c -> c.OfferedLoads[service])
                    series "rate of the arrivals" Palette.blue (fun c -> c.ArrivalRates[service])
                ],
                layout drawn.Settings "offered load (req/s)" []
            )
    }

let private control drawn index =
    let control = drawn.Settings.Controls[index]

    {
        Heading = $"Control {control.Name}"
        Caption =
            $"The {control.Quantity} in force. {seeds drawn.Settings} The grid has {control.Levels} levels from {control.Lowest} to {control.Highest}."
        Chart = lines drawn (fun c -> ValueSome c.Controls[index]) $"{control.Name}: {control.Quantity}" []
    }

/// The relative error of what was predicted for a cycle; none where nothing was predicted or served.
let private relativeError (c: CycleResult) =
    let known =
        Array.zip c.PredictedResponseTimes c.ResponseTimes
        |> Array.choose (fun (predicted, measured) ->
            match predicted, measured with
            | ValueSome predicted, ValueSome measured -> Some struct (predicted, measured)
            | _ -> None)

    if known.Length = 0 then
        ValueNone
    else
        ValueSome(Summary.nmae known)

let private modelError drawn =
    {
        Heading = "Error of the system model"
        Caption =
            $"How far the response time predicted one cycle ahead is from the one then measured, relative to it. {seeds drawn.Settings} Rollout re-estimates its random forest in every cycle; policies that plan nothing keep the forest they began with."
        Chart = lines drawn relativeError "relative prediction error" []
    }

let private decisionTime drawn =
    let box' (contender, cycles: CycleResult[]) : Trace =
        Box(
            y = (cycles |> Array.map (fun c -> 1000.0 * c.DecisionSeconds)),
            name = ContenderStyle.shortLabel contender,
            marker = Marker(color = (ContenderStyle.style contender).Colour),
            boxpoints = "false"
        )

    let layout =
        Drawing.layout (Xaxis()) (Yaxis(title = "milliseconds per cycle", ``type`` = "log"))

    layout.showlegend <- false

    {
        Heading = "Time to decide"
        Caption =
            "Computing time of one control cycle: re-estimating the system model and planning on it. The other policies plan nothing: they look their action up, or work it out from the state."
        Chart = Chart.Plot(drawn.Cycles |> List.map box', layout)
    }

/// The contenders that are drawn cycle by cycle, with their cycles.
let private drawn (results: ExperimentResults) =
    let byContender = results.Cycles |> Array.groupBy _.Contender |> Map.ofArray

    {
        Settings = results.Outcome.Settings
        Cycles =
            [
                for contender in results.Outcome.Contenders do
                    if not contender.ComparesBasePolicies then
                        contender, byContender[contender]
            ]
    }

/// All figures, in the order they are read: the rewards, without noise first, then what they come from.
let all (results: ExperimentResults) =
    let drawn = drawn results
    let settings = drawn.Settings

    [
        adaptation drawn results.Outcome.Goal
        reward drawn
        for service in 0 .. settings.Services.Length - 1 do
            if settings.Services[service].LoadChanges then
                offeredLoad drawn service

            responseTime drawn service
        for index in 0 .. settings.Controls.Length - 1 do
            control drawn index
        modelError drawn
        decisionTime drawn
    ]
