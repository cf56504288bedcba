namespace OnlinePolicyAdaptation.Experiments

open XPlot.Plotly
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network

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

    let rec private style contender =
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
        | Contender.Multiagent 1 -> of' (230, 159, 0) "dashdot"
        | Contender.Multiagent 2 -> of' (204, 121, 167) "dashdot"
        | Contender.Multiagent _ -> of' (0, 114, 178) "dashdot"
        | Contender.Further(_, BasePolicyUse.Unchanged) -> style Contender.Base
        | Contender.Further(_, BasePolicyUse.Rollout horizon) -> style (Contender.Rollout horizon)
        | Contender.Further(_, BasePolicyUse.Multiagent horizon) -> style (Contender.Multiagent horizon)
        | Contender.RolloutForgetting(_, Forgetting.Never) -> of' (86, 180, 233) "longdash"
        | Contender.RolloutForgetting(_, Forgetting.Window _) -> of' (150, 150, 40) "longdashdot"
        | Contender.RolloutForgetting _ -> of' (204, 121, 167) "dashdot"

    let rec label contender =
        match contender with
        | Contender.Base -> "base policy, unchanged"
        | Contender.Rollout horizon -> $"rollout, l = {horizon}"
        | Contender.Multiagent horizon -> $"multiagent rollout, l = {horizon}"
        | Contender.Further(name, BasePolicyUse.Unchanged) -> $"{name}, unchanged"
        | Contender.Further(name, BasePolicyUse.Rollout horizon) -> $"{label (Contender.Rollout horizon)}, of {name}"
        | Contender.Further(name, BasePolicyUse.Multiagent horizon) ->
            $"{label (Contender.Multiagent horizon)}, of {name}"
        | Contender.RolloutForgetting(horizon, Forgetting.Never) -> $"rollout, l = {horizon}, never forgetting"
        | Contender.RolloutForgetting(horizon, forgetting) ->
            $"rollout, l = {horizon}, {EstimationSyntax.forgettingName forgetting}"
        | Contender.Retrained false -> "retrained from scratch"
        | Contender.Retrained true -> "retrained, warm start"
        | Contender.Optimum -> "optimum, which knows the system"

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
                [ Drawing.mark scenario.ChangeAt ]
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

        let layout = Drawing.layout (Xaxis(title = "control cycle")) (Yaxis(title = yTitle))

        layout.shapes <- extraShapes @ change
        layout.annotations <- note
        layout

    /// The contenders that are drawn cycle by cycle.
    let private drawn (result: ExperimentResult) =
        result.Contenders
        |> List.filter (fun contender -> not contender.ComparesBasePolicies)

    let private lines (result: ExperimentResult) measure yTitle shapes =
        let traces =
            drawn result
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
            Chart = lines result (fun o -> o.Timed.Record.Reward) "reward per cycle" []
        }

    let private quality (result: ExperimentResult) =
        let before = Adaptation.expectedRewards result.Scenario result.Traces.Before
        let after = Adaptation.expectedRewards result.Scenario result.Traces.After

        let expected (o: Observation) =
            let rewards =
                match o.Phase with
                | Phase.Before -> before
                | Phase.After -> after

            rewards.Of(o.Loads, result.Scenario.Grid.IndexOf o.Timed.Record.Metrics.Configuration)

        {
            Heading = "Adaptation"
            Caption =
                $"Expected reward of the configuration in force, from all rows recorded of it, so without the noise of single intervals; mean over {result.Scenario.Seeds} seeds with 95 %% confidence intervals. The dotted black line, if there is one, is what a configuration earns that is best by its mean response times after the change; where several are, the least of them."
            Chart =
                lines
                    result
                    expected
                    "expected reward of the configuration"
                    [
                        match Scenario.loadLevels result.Scenario with
                        | [ load ] when result.Scenario.ChangeAt < result.Scenario.Cycles -> bound (after.Goal load)
                        | _ -> ()
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
            Chart = lines result measured "mean response time (s)" [ bound objective ]
        }

    /// None where the load is constant.
    let private offeredLoad (result: ExperimentResult) service =
        let name = result.Scenario.Topology.Services[service]

        let observations =
            result.Observations
            |> Array.filter (fun o -> o.Contender = result.Contenders.Head && o.Seed = 1)

        let cycles = observations |> Array.map _.Timed.Record.Cycle

        let series name colour dash (load: Observation -> RequestRate) : Trace =
            Scatter(
                x = cycles,
                y = (observations |> Array.map (fun o -> (load o).PerSecond)),
                mode = "lines",
                name = name,
                line = Line(color = colour, width = 1.5, dash = dash)
            )

        match result.Scenario.OfferedLoads[service] with
        | OfferedLoad.Constant _ -> None
        | load ->
            Some
                {
                    Heading = $"Offered load of {name}"
                    Caption =
                        $"Seed 1, the same under every policy: {OfferedLoad.describe load}. Measured is what arrived within the monitoring interval."
                    Chart =
                        Chart.Plot(
                            [
                                series
                                    "measured"
                                    "rgb(150,150,150)"
                                    "solid"
                                    _.Timed.Record.Metrics.Services[service].OfferedLoad
                                series "rate of the arrivals" "rgb(0,114,178)" "solid" _.Loads[service]
                            ],
                            layout result "offered load (req/s)" []
                        )
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
            Chart = lines result value $"{control.Name}: {unit control}" []
        }

    let private modelError (result: ExperimentResult) =
        let error (o: Observation) =
            match Summary.predictions o with
            | [||] -> ValueNone
            | predictions -> ValueSome(Summary.nmae predictions)

        {
            Heading = "Error of the system model"
            Caption =
                "How far the response time predicted one cycle ahead is from the one then measured, relative to it. Rollout re-estimates its random forest in every cycle; policies that plan nothing keep the forest from before the change."
            Chart = lines result error "relative prediction error" []
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

        let layout =
            Drawing.layout (Xaxis()) (Yaxis(title = "milliseconds per cycle", ``type`` = "log"))

        layout.showlegend <- false

        {
            Heading = "Time to decide"
            Caption =
                "Computing time of one control cycle: re-estimating the system model and planning on it. The other policies plan nothing: they look their action up, or work it out from the state."
            Chart = Chart.Plot(drawn result |> List.map box', layout)
        }

    /// Between the rows of base policies in a comparison, the lines of those who come from the system alone.
    let private reference (rows: int) (s: PhaseSummary) : Trace =
        let style = style s.Contender

        Scatter(
            x = [ s.Reward.Mean; s.Reward.Mean ],
            y = [ -0.5; float rows - 0.5 ],
            mode = "lines",
            name = label s.Contender,
            line = Line(color = style.Colour, width = 1.5, dash = style.Dash)
        )

    /// The reward after the change of every base policy and of what is made of it. None where one alone is looked at.
    let comparison (scenario: Scenario) (summary: PhaseSummary list) =
        let after = summary |> List.filter (fun s -> s.Phase = Phase.After)
        let names = Experiment.basePolicies scenario |> List.map fst

        let afterTheChange =
            if Scenario.changes scenario then
                " after the change"
            else
                ""

        let rowOf contender =
            Experiment.basePolicyOf scenario contender
            |> Option.map (fun (name, _) -> List.findIndex ((=) name) names)

        let uses =
            [
                "unchanged", Contender.Base
                for horizon in scenario.Horizons |> List.distinct do
                    label (Contender.Rollout horizon), Contender.Rollout horizon
                for horizon in scenario.Horizons |> List.distinct do
                    label (Contender.Multiagent horizon), Contender.Multiagent horizon
            ]

        let sameUse (contender: Contender) other =
            match contender, other with
            | Contender.RolloutForgetting _, _ -> false
            | _ -> contender.Planner = other

        // The first row is on top, and so is the first use within it.
        let place row index =
            float (names.Length - 1 - row) + 0.3
            - 0.6 * float index / float (max 1 (uses.Length - 1))

        let points index (name, (representative: Contender)) : Trace =
            let found =
                after
                |> List.filter (fun s -> sameUse s.Contender representative.Planner)
                |> List.choose (fun s -> rowOf s.Contender |> Option.map (fun row -> place row index, s.Reward))

            let style = style representative

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
                marker =
                    Marker(
                        color = style.Colour,
                        size = 9.0,
                        symbol =
                            (match representative.Planner with
                             | Planner.BasePolicy -> "x"
                             | Planner.Rollout _ -> "circle"
                             | Planner.MultiagentRollout _ -> "diamond")
                    )
            )

        if names.Length < 2 || after.IsEmpty then
            None
        else
            let references =
                after
                |> List.filter (fun s -> (Experiment.basePolicyOf scenario s.Contender).IsNone)
                |> List.map (reference names.Length)

            Some
                {
                    Heading = "Base policies, and rollout on them"
                    Caption =
                        $"Reward per cycle{afterTheChange}, the cycles of adapting included: means over {scenario.Seeds} seeds with 95 %% confidence intervals. A row is a base policy; crosses are the policy itself, circles and diamonds rollout on it, joint and one control after another."
                    Chart =
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
                }

    /// All figures of a report, in the order they are read.
    let all (result: ExperimentResult) =
        [
            reward result
            quality result
            for service in 0 .. result.Scenario.Topology.Services.Count - 1 do
                yield! Option.toList (offeredLoad result service)
                responseTime result service
            for index in 0 .. result.Scenario.Grid.Controls.Count - 1 do
                control result index
            modelError result
            decisionTime result
        ]
