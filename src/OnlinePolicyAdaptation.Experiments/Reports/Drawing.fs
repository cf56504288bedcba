namespace OnlinePolicyAdaptation.Experiments

open XPlot.Plotly

/// A chart and the sentence that says what it shows.
type Figure =
    {
        Heading: string
        Caption: string
        Chart: PlotlyChart
    }

/// What all charts have in common.
[<RequireQualifiedAccess>]
module Drawing =

    let private symbols =
        [| "circle"; "diamond"; "square"; "x"; "triangle-up"; "cross"; "star" |]

    let symbol index = symbols[index % symbols.Length]

    /// Axes, with the legend below them.
    let layout (x: Xaxis) (y: Yaxis) =
        Layout(
            xaxis = x,
            yaxis = y,
            margin = Margin(l = 70.0, r = 15.0, t = 20.0, b = 50.0),
            legend = Legend(orientation = "h", x = 0.0, y = -0.2),
            font = Font(family = "system-ui, sans-serif", size = 13.0),
            hovermode = "closest",
            plot_bgcolor = "#fff",
            paper_bgcolor = "#fff"
        )

    /// A line through points.
    let line name colour dash (points: (float * float)[]) : Trace =
        Scatter(
            x = Array.map fst points,
            y = Array.map snd points,
            mode = "lines",
            name = name,
            line = Line(color = colour, width = 2.0, dash = dash)
        )

    /// A vertical line across the chart.
    let mark (x: int) =
        Shape(
            ``type`` = "line",
            xref = "x",
            yref = "paper",
            x0 = x,
            x1 = x,
            y0 = 0.0,
            y1 = 1.0,
            line = Line(color = "#555", width = 1.5, dash = "dashdot")
        )
