namespace OnlinePolicyAdaptation.Experiments

open XPlot.Plotly
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network

/// A chart and the sentence that says what it shows.
type Figure =
    {
        Heading: string
        Caption: string
        Chart: PlotlyChart
    }

/// The pictures of a report. Colours are those of Okabe and Ito, which colour-blind readers can tell apart; dashes and
/// widths differ as well.
[<RequireQualifiedAccess>]
module Charts =

    /// How a contender is drawn everywhere.
    type private Style =
        {
            Colour: string
            Shade: string
            Dash: string
        }

    let private style contender =
        let of' (r, g, b) dash =
            {
                Colour = $"rgb({r},{g},{b})"
                Shade = $"rgba({r},{g},{b},0.15)"
                Dash = dash
            }

        match contender with
        | Contender.Base -> of' (213, 94, 0) "dot"
        | Contender.Optimum -> of' (0, 158, 115) "dash"
        | Contender.Retrained false -> of' (90, 90, 90) "longdash"
        | Contender.Retrained true -> of' (150, 150, 150) "dot"
        | Contender.Rollout 1 -> of' (230, 159, 0) "solid"
        | Contender.Rollout 2 -> of' (204, 121, 167) "solid"
        | Contender.Rollout _ -> of' (0, 114, 178) "solid"
        | Contender.RolloutForgetting(_, Forgetting.Never) -> of' (86, 180, 233) "longdash"
        | Contender.RolloutForgetting(_, Forgetting.Window _) -> of' (150, 150, 40) "longdashdot"
        | Contender.RolloutForgetting _ -> of' (204, 121, 167) "dashdot"

    let label contender =
        match contender with
        | Contender.Base -> "base policy, unchanged"
        | Contender.Rollout horizon -> $"rollout, l = {horizon}"
        | Contender.RolloutForgetting(horizon, Forgetting.Never) -> $"rollout, l = {horizon}, never forgetting"
        | Contender.RolloutForgetting(horizon, forgetting) ->
            $"rollout, l = {horizon}, {EstimationSyntax.forgettingName forgetting}"
        | Contender.Retrained false -> "retrained from scratch"
        | Contender.Retrained true -> "retrained, warm start"
        | Contender.Optimum -> "optimum, told of the change"

    /// The estimate over seeds of a measure in each cycle. Cycles without a value are left out.
    let private overCycles (measure: Observation -> float voption) (observations: Observation[]) =
        observations
        |> Array.groupBy _.Timed.Record.Cycle
        |> Array.sortBy fst
        |> Array.choose (fun (cycle, group) ->
            let values =
                group
                |> Array.choose (fun o ->
                    match measure o with
                    | ValueSome value -> Some value
                    | ValueNone -> None)

            if values.Length = 0 then
                None
            else
                Some(cycle, ConfidenceInterval.ofSamples values))

    /// A line with the 95 % interval as a band around it.
    let private line contender (points: (int * ConfidenceInterval)[]) : Trace list =
        let style = style contender
        let cycles = points |> Array.map fst

        let edge sign =
            points
            |> Array.map (fun (_, e) -> e.Mean + sign * (if System.Double.IsNaN e.HalfWidth then 0.0 else e.HalfWidth))

        let group = label contender
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

    let private layout (result: ExperimentResult) yTitle extraShapes =
        let scenario = result.Scenario

        let change =
            if scenario.ChangeAt > 0 && scenario.ChangeAt < scenario.Cycles then
                [
                    Shape(
                        ``type`` = "line",
                        xref = "x",
                        yref = "paper",
                        x0 = scenario.ChangeAt,
                        x1 = scenario.ChangeAt,
                        y0 = 0.0,
                        y1 = 1.0,
                        line = Line(color = "#555", width = 1.5, dash = "dashdot")
                    )
                ]
            else
                []

        let note =
            [
                for _ in change ->
                    Annotation(
                        x = scenario.ChangeAt,
                        y = 1.0,
                        xref = "x",
                        yref = "paper",
                        text = "the system changes",
                        showarrow = false,
                        xanchor = "left",
                        yanchor = "bottom"
                    )
            ]

        Layout(
            xaxis = Xaxis(title = "control cycle"),
            yaxis = Yaxis(title = yTitle),
            shapes = extraShapes @ change,
            annotations = note,
            margin = Margin(l = 70.0, r = 15.0, t = 30.0, b = 50.0),
            legend = Legend(orientation = "h", x = 0.0, y = -0.2),
            font = Font(family = "system-ui, sans-serif", size = 13.0),
            hovermode = "closest",
            plot_bgcolor = "#fff",
            paper_bgcolor = "#fff"
        )

    let private lines (result: ExperimentResult) contenders measure yTitle shapes =
        let traces =
            contenders
            |> List.collect (fun contender ->
                result.Observations
                |> Array.filter (fun o -> o.Contender = contender)
                |> overCycles measure
                |> line contender)

        Chart.Plot(traces, layout result yTitle shapes)

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

    let private reward (result: ExperimentResult) =
        {
            Heading = "Reward per cycle"
            Caption =
                $"Mean over {result.Scenario.Seeds} seeds; the shaded bands are 95 %% confidence intervals. A positive reward is the share of resources left unused while the response time keeps its bound; a negative one is the number of seconds by which the bound is missed."
            Chart = lines result result.Contenders (fun o -> o.Timed.Record.Reward) "reward per cycle" []
        }

    let private quality (result: ExperimentResult) =
        let before = Adaptation.expectedRewards result.Scenario result.Traces.Before
        let after = Adaptation.expectedRewards result.Scenario result.Traces.After

        let expected (o: Observation) =
            let rewards =
                match o.Phase with
                | Phase.Before -> before
                | Phase.After -> after

            match rewards.TryFind(result.Scenario.Grid.IndexOf o.Timed.Record.Metrics.Configuration) with
            | Some reward -> ValueSome reward
            | None -> ValueNone

        {
            Heading = "Adaptation"
            Caption =
                $"Expected reward of the configuration in force, from all rows recorded of it, so without the noise of single intervals; mean over {result.Scenario.Seeds} seeds with 95 %% confidence intervals. The dotted black line, if there is one, is the best configuration after the change."
            Chart =
                lines
                    result
                    result.Contenders
                    expected
                    "expected reward of the configuration"
                    [
                        if result.Scenario.ChangeAt < result.Scenario.Cycles then
                            bound (after |> Map.values |> Seq.max)
                    ]
        }

    let private responseTime (result: ExperimentResult) service =
        let name = result.Scenario.Topology.Services[service]
        let objective = result.Scenario.Reward.Objectives[service].Bound.Seconds

        let measured (o: Observation) =
            Summary.measured o.Timed.Record.Metrics.Services[service]

        {
            Heading = $"Response time of {name}"
            Caption =
                $"Mean response time over the monitoring interval. The dotted black line is its bound, {objective} s."
            Chart = lines result result.Contenders measured "mean response time (s)" [ bound objective ]
        }

    let private unit (control: Control) =
        match control.Target with
        | :? ControlTarget.CpuCores -> "CPU cores"
        | :? ControlTarget.RoutingWeight -> "routing weight"
        | _ -> "blocking rate"

    let private control (result: ExperimentResult) index =
        let control = result.Scenario.Grid.Controls[index]

        let value (o: Observation) =
            ValueSome(control.Value o.Timed.Record.Metrics.Configuration.Levels[index])

        {
            Heading = $"Control {control.Name}"
            Caption =
                $"The {unit control} in force, mean over seeds; the grid has {control.Levels} levels from {control.Lowest} to {control.Highest}."
            Chart = lines result result.Contenders value $"{control.Name}: {unit control}" []
        }

    let private modelError (result: ExperimentResult) =
        let error (o: Observation) =
            match Summary.predictions o with
            | [||] -> ValueNone
            | predictions -> ValueSome(Summary.nmae predictions)

        {
            Heading = "Error of the system model"
            Caption =
                "How far the response time predicted one cycle ahead is from the one then measured, relative to it. Rollout re-estimates its random forest in every cycle; the others keep the forest from before the change."
            Chart = lines result result.Contenders error "relative prediction error" []
        }

    let private decisionTime (result: ExperimentResult) =
        let box' contender : Trace =
            let times =
                result.Observations
                |> Array.filter (fun o -> o.Contender = contender)
                |> Array.map _.Timed.Decision.TotalMilliseconds

            Box(
                y = times,
                name = label contender,
                marker = Marker(color = (style contender).Colour),
                boxpoints = "false"
            )

        {
            Heading = "Time to decide"
            Caption =
                "Computing time of one control cycle: re-estimating the system model and planning on it. The base policy and the optimum only look their action up."
            Chart =
                Chart.Plot(
                    result.Contenders |> List.map box',
                    Layout(
                        yaxis = Yaxis(title = "milliseconds per cycle", ``type`` = "log"),

                        showlegend = false,
                        margin = Margin(l = 70.0, r = 15.0, t = 15.0, b = 50.0),
                        font = Font(family = "system-ui, sans-serif", size = 13.0)
                    )
                )
        }

    /// All figures of a report, in the order they are read.
    let all (result: ExperimentResult) =
        [
            reward result
            quality result
            for service in 0 .. result.Scenario.Topology.Services.Count - 1 do
                responseTime result service
            for index in 0 .. result.Scenario.Grid.Controls.Count - 1 do
                control result index
            modelError result
            decisionTime result
        ]
