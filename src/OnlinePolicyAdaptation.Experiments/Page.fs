/// What every report page is made of. A page is self-contained and works offline: plotly.js is part of it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Page

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

/// Text as it is written in HTML.
let encode (text: string) = WebUtility.HtmlEncode text

/// A time with three significant digits in a unit that suits it.
let duration (seconds: float) =
    let text (value: float) =
        value.ToString("G3", CultureInfo.InvariantCulture)

    if seconds >= 1.0 then $"{text seconds} s"
    elif seconds >= 1e-3 then $"{text (seconds * 1e3)} ms"
    else $"{text (seconds * 1e6)} µs"

/// A table under a header.
let table (header: string list) (rows: string list list) =
    let row tag (texts: string list) =
        let cells =
            texts |> List.map (fun t -> $"<{tag}>{encode t}</{tag}>") |> String.concat ""

        $"<tr>{cells}</tr>"

    let body = rows |> List.map (row "td") |> String.concat "\n"
    $"""<div class="wide"><table><thead>{row "th" header}</thead><tbody>{body}</tbody></table></div>"""

/// A chart under its heading, with its caption.
let figure (figure: Figure) =
    $"""<section>
<h2>{encode figure.Heading}</h2>
<div class="chart" id="{figure.Chart.Id}"></div>
<p class="caption">{encode figure.Caption}</p>
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
<script>
addEventListener("resize", () => document.querySelectorAll(".chart").forEach(chart => Plotly.Plots.resize(chart)));
</script>
</body>
</html>
"""
