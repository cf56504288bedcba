/// What every report page is made of. A page is self-contained and works offline: plotly.js is part of it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Page

open System.IO
open System.IO.Compression
open System.Net
open System.Reflection
open System.Text.RegularExpressions

let private plotly =
    lazy
        (match Assembly.GetExecutingAssembly().GetManifestResourceStream "plotly-cartesian.min.js.gz" with
         | null -> invalidOp "the assembly was built without plotly.js"
         | packed ->
             use unpacked = new StreamReader(new GZipStream(packed, CompressionMode.Decompress))
             unpacked.ReadToEnd())

/// Text as it is written in HTML.
let encode (text: string) = WebUtility.HtmlEncode text

let paragraph text = $"<p>{encode text}</p>"

/// What stands below a table or a chart.
let caption text =
    $"""<p class="caption">{encode text}</p>"""

/// Points of a list; nothing where there are none.
let list (points: string list) =
    match points with
    | [] -> ""
    | _ ->
        let items =
            points
            |> List.map (fun point -> $"<li>{encode point}</li>")
            |> String.concat "\n"

        $"<ul>{items}</ul>"

/// Words and what they mean.
let definitions (heading: string) (meanings: (string * string) list) =
    let items =
        meanings
        |> List.map (fun (word, meaning) -> $"<dt>{encode word}</dt><dd>{encode meaning}</dd>")
        |> String.concat "\n"

    $"<section><h2>{encode heading}</h2><dl>{items}</dl></section>"

/// A table under a header.
let table (header: string list) (rows: string list list) =
    let row tag (texts: string list) =
        let cells =
            texts |> List.map (fun t -> $"<{tag}>{encode t}</{tag}>") |> String.concat ""

        $"<tr>{cells}</tr>"

    let body = rows |> List.map (row "td") |> String.concat "\n"
    $"""<div class="wide"><table><thead>{row "th" header}</thead><tbody>{body}</tbody></table></div>"""

/// What a heading is called in a page's address, and its chart in the page.
let private slug (heading: string) =
    Regex.Replace(heading.ToLowerInvariant(), "[^a-z0-9]+", "-").Trim '-'

/// A chart under its heading, with its caption. Headings tell the charts of a page apart.
let figure (figure: Figure) =
    figure.Chart.WithId(slug figure.Heading)

    $"""<section>
<h2>{encode figure.Heading}</h2>
<div class="chart" id="{figure.Chart.Id}"></div>
{caption figure.Caption}
{figure.Chart.GetInlineJS()}
</section>"""

/// The settings of what was run, by name, and the command that runs it again.
let settings (items: (string * string) list) (command: string) =
    let rows =
        items
        |> List.map (fun (name, value) -> $"<tr><th>{encode name}</th><td>{encode value}</td></tr>")
        |> String.concat "\n"

    $"""<section>
<h2>Settings</h2>
<table class="settings">{rows}</table>
<p>To reproduce:</p>
<pre>{encode command}</pre>
</section>"""

let private css =
    """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1250px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin: 2rem 0 .3rem; }
.answer { font-size: 1.1rem; border-left: 4px solid #0072b2; padding: .4rem 1rem; background: #f3f7fb; }
li { margin: .2rem 0; } dt { font-weight: bold; } dd { margin: 0 0 .4rem 1rem; }
.chart { width: 100%; min-height: 420px; } .caption { color: #555; margin-top: 0; font-size: .93rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .87rem; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
th { vertical-align: bottom; } tbody td { white-space: nowrap; } td:first-child { white-space: normal; min-width: 7rem; }
.settings td { white-space: normal; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f5f5; padding: .6rem; }
.alone { max-width: none; } .alone h2 { margin-top: 0; } .alone .modebar { display: none; }
@media (max-width: 700px) {
  body { padding: .7rem; } h1 { font-size: 1.4rem; } .modebar { display: none; }
  .wide th:first-child, .wide td:first-child { position: sticky; left: 0; background: #fff; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 12px; } table { font-size: 8px; } th, td { padding-right: .5rem; }
  section { break-inside: avoid; } h2 { break-after: avoid; } .wide { overflow: visible; } .modebar { display: none; }
}
"""

/// The plot keeps its height however many rows its legend needs: the legend stands below the title of the axis, and the chart
/// grows by it. Once more whenever the width changes, and for paper.
let private fitting =
    """
(() => {
  const plotHeight = 300, titleHeight = 65, topMargin = 30;
  function fit(chart) {
    const width = chart.clientWidth, narrow = width < 600;
    // Tall first, since a legend that takes half of the height is cut.
    return Plotly.relayout(chart, {
      width: width, height: 2000, "font.size": narrow ? 11 : 13, "margin.l": narrow ? 52 : 70, "yaxis.automargin": true, "legend.yanchor": "top"
    }).then(() => {
      const legend = chart.querySelector("g.legend .bg");
      const rows = legend ? Math.ceil(legend.getBBox().height) : 0;
      return Plotly.relayout(chart, {
        height: topMargin + plotHeight + titleHeight + rows + 10, "margin.t": topMargin, "margin.b": titleHeight + rows + 10,
        "legend.y": -titleHeight / plotHeight
      });
    });
  }
  // report.html?figure=SLUG is that figure alone, to be embedded elsewhere or made a picture of.
  const only = document.getElementById(new URLSearchParams(location.search).get("figure"));
  if (only) {
    document.body.replaceChildren(only.closest("section"));
    document.body.className = "alone";
  }
  const charts = document.querySelectorAll(".chart");
  const fitAll = () => charts.forEach(fit);
  fitAll();
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; fitAll(); } });
  matchMedia("print").addEventListener("change", fitAll);
})();
"""

/// The page: title, the question it answers, the answer, then its parts, which are HTML.
let html (title: string) (question: string) (answer: string) (parts: string list) =
    let body = String.concat "\n" parts

    $"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{encode title}</title>
<style>{css}</style>
<script>{plotly.Value}</script>
</head>
<body>
<h1>{encode title}</h1>
<p>{encode question}</p>
<p class="answer">{encode answer}</p>
{body}
<script>{fitting}</script>
</body>
</html>
"""
