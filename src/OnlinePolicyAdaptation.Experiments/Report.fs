/// One self-contained HTML page about an experiment. It works offline: plotly.js is part of it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Report

open System
open System.Globalization
open System.IO
open System.IO.Compression
open System.Net
open System.Reflection

let private plotly =
    lazy
        (match Assembly.GetExecutingAssembly().GetManifestResourceStream "plotly-cartesian.min.js.gz" with
         | null -> invalidOp "the assembly was built without plotly.js"
         | packed ->
             use unpacked = new StreamReader(new GZipStream(packed, CompressionMode.Decompress))
             unpacked.ReadToEnd())

let private encode (text: string) = WebUtility.HtmlEncode text

let private number digits (value: float) =
    if Double.IsFinite value then
        value.ToString("F" + string<int> digits, CultureInfo.InvariantCulture)
    else
        "–"

let private withInterval digits (e: ConfidenceInterval) =
    if Double.IsNaN e.HalfWidth then
        number digits e.Mean
    else
        $"{number digits e.Mean} ± {number digits e.HalfWidth}"

let private percent (e: ConfidenceInterval) =
    withInterval
        0
        {
            Mean = 100.0 * e.Mean
            HalfWidth = 100.0 * e.HalfWidth
        }

/// A time with three significant digits in a unit that suits it.
let duration (seconds: float) =
    let text (value: float) =
        value.ToString("G3", CultureInfo.InvariantCulture)

    if seconds >= 1.0 then $"{text seconds} s"
    elif seconds >= 1e-3 then $"{text (seconds * 1e3)} ms"
    else $"{text (seconds * 1e6)} µs"

/// The header and the cells of the summary table, for the page and the terminal alike.
let summaryTable (summary: PhaseSummary list) =
    [
        "policy"
        "phase"
        "reward per cycle"
        "SLO missed (% of cycles)"
        "prediction error (NMAE)"
        "median time to decide"
    ],
    [
        for s in summary ->
            [
                Charts.label s.Contender
                (match s.Phase with
                 | Phase.Before -> "before the change"
                 | Phase.After -> "after the change")
                withInterval 3 s.Reward
                percent s.Violations
                withInterval 3 s.ModelError
                duration s.MedianDecisionSeconds
            ]
    ]

let private after contender (summary: PhaseSummary list) =
    summary
    |> List.tryFind (fun s -> s.Contender = contender && s.Phase = Phase.After)

let private clearlyAbove (a: ConfidenceInterval) (b: ConfidenceInterval) =
    a.Mean - a.HalfWidth > b.Mean + b.HalfWidth

/// A policy has recovered that earns this share of what the optimum earns, the cycles right after the change included.
let private recovered = 0.9

/// The answer to the experiment's question in words, from the numbers.
let answer (scenario: Scenario) (summary: PhaseSummary list) =
    let sentence (basePolicy: PhaseSummary) (optimum: PhaseSummary) horizon =
        after (Contender.Rollout horizon) summary
        |> Option.map (fun rollout ->
            let verdict =
                if rollout.Reward.Mean >= recovered * optimum.Reward.Mean then
                    "recovers"
                elif clearlyAbove rollout.Reward basePolicy.Reward then
                    "improves on it but does not recover"
                elif clearlyAbove basePolicy.Reward rollout.Reward then
                    "does worse than the base policy"
                else
                    "cannot be told from the base policy"

            let share =
                if optimum.Reward.Mean > 0.0 then
                    $", {number 0 (100.0 * rollout.Reward.Mean / optimum.Reward.Mean)} %% of the optimum's {number 3 optimum.Reward.Mean}"
                else
                    ""

            $"Rollout with l = {horizon} {verdict}: {withInterval 3 rollout.Reward} per cycle{share}, deciding in {duration rollout.MedianDecisionSeconds}.")

    match after Contender.Base summary, after Contender.Optimum summary with
    | Some basePolicy, Some optimum ->
        [
            $"After the change the unchanged base policy earns {withInterval 3 basePolicy.Reward} per cycle."
            yield! scenario.Horizons |> List.distinct |> List.choose (sentence basePolicy optimum)
        ]
        |> String.concat " "
    | _ -> "The system did not change within the cycles of this run."

let private table summary =
    let header, rows = summaryTable summary

    let row tag (texts: string list) =
        let cells =
            texts |> List.map (fun t -> $"<{tag}>{encode t}</{tag}>") |> String.concat ""

        $"<tr>{cells}</tr>"

    let body = rows |> List.map (row "td") |> String.concat "\n"
    $"""<div class="wide"><table><thead>{row "th" header}</thead><tbody>{body}</tbody></table></div>"""

let private figure (figure: Figure) =
    $"""<section>
<h2>{encode figure.Heading}</h2>
<div class="chart" id="{figure.Chart.Id}"></div>
<p class="caption">{encode figure.Caption}</p>
{figure.Chart.GetInlineJS()}
</section>"""

let private settings (result: ExperimentResult) =
    let scenario = result.Scenario
    let horizons = scenario.Horizons |> List.map string<int> |> String.concat ","

    let trace (t: OnlinePolicyAdaptation.Domain.Environments.TestbedTrace) =
        $"{t.Path}: {t.Rows.Count} rows, and {t.RowsWithoutService} left out in which nothing was served"

    let items =
        [
            "scenario", scenario.Name
            "cycles", $"{scenario.Cycles}, the system changes before cycle {scenario.ChangeAt}"
            "seeds", $"1 to {scenario.Seeds}"
            "start", scenario.Grid.Describe scenario.Start
            "discount", string<float> scenario.Discount.Value
            "system model",
            $"random forest of {scenario.Estimation.Forest.Trees} trees on the newest {scenario.Estimation.SamplesPerConfiguration} samples of each configuration and load step"
            "trace before the change", trace result.Traces.Before
            "trace after the change", trace result.Traces.After
            "software", ResultFile.softwareVersion
            "computing time", duration result.Elapsed.TotalSeconds
        ]

    let rows =
        items
        |> List.map (fun (name, value) -> $"<tr><th>{encode name}</th><td>{encode value}</td></tr>")
        |> String.concat "\n"

    let command =
        $"opar run scenarios/{scenario.Name} --seeds {scenario.Seeds} --cycles {scenario.Cycles} --change-at {scenario.ChangeAt} --lookahead {horizons} --trace-before {result.Traces.Before.Path} --trace-after {result.Traces.After.Path}"

    $"""<section>
<h2>Settings</h2>
<div class="wide"><table>{rows}</table></div>
<p>To reproduce:</p>
<pre>{encode command}</pre>
</section>"""

let private css =
    """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1100px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin: 2rem 0 .3rem; }
.answer { font-size: 1.1rem; border-left: 4px solid #0072b2; padding: .4rem 1rem; background: #f3f7fb; }
.chart { width: 100%; height: 420px; } .caption { color: #555; margin-top: 0; font-size: .93rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .93rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f5f5; padding: .6rem; }
@media print { section { break-inside: avoid; } }
"""

/// The page. `summary` is that of the result.
let html (result: ExperimentResult) summary =
    let scenario = result.Scenario
    let figures = Charts.all result |> List.map figure |> String.concat "\n"

    $"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{encode scenario.Title}</title>
<style>{css}</style>
<script>{plotly.Value}</script>
</head>
<body>
<h1>{encode scenario.Title}</h1>
<p>{encode scenario.Question}</p>
<p class="answer">{encode (answer scenario summary)}</p>
{table summary}
<p class="caption">Mean over seeds ± half the width of its 95 %% confidence interval.</p>
{figures}
{settings result}
<script>
addEventListener("resize", () => document.querySelectorAll(".chart").forEach(chart => Plotly.Plots.resize(chart)));
</script>
</body>
</html>
"""
