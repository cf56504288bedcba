/// A page as a browser shows it, without a window.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Browser

open System
open System.Diagnostics
open System.IO
open System.Net
open System.Text.Json
open System.Text.RegularExpressions
open Expecto

/// What a page looks like at some width.
type Shown =
    {
        /// Charts, and those of them that were drawn.
        Charts: int
        Drawn: int
        /// Pixels by which the page is wider than its window.
        Overflow: float
        /// The least distance in pixels between the title of a chart's axis and the legend below it.
        LegendGap: float
        /// The least height of the area that a chart plots in, in pixels.
        PlotHeight: float
    }

let private chromium =
    [ "/usr/bin/chromium"; "/usr/bin/chromium-browser"; "/usr/bin/google-chrome" ]
    |> List.tryFind File.Exists

/// A frame of that width with the page in it, and a script that writes down what is seen. A window itself has a least width.
let private frame (page: string) width =
    $$"""<!DOCTYPE html><meta charset="utf-8">
<iframe src="{{page}}" style="width: {{width}}px; height: 2000px; border: 0"></iframe><pre></pre>
<script>
addEventListener("load", () => setTimeout(() => {
  const inside = frames[0].document;
  const charts = [...inside.querySelectorAll(".chart")];
  const gaps = charts.map(chart => {
    const legend = chart.querySelector("g.legend"), title = chart.querySelector("g.g-xtitle text");
    return legend && title ? legend.getBoundingClientRect().top - title.getBoundingClientRect().bottom : 1000;
  });
  document.querySelector("pre").textContent = JSON.stringify({
    Charts: charts.length,
    Drawn: charts.filter(chart => chart.querySelector(".cartesianlayer .trace")).length,
    Overflow: inside.documentElement.scrollWidth - inside.documentElement.clientWidth,
    LegendGap: Math.min(...gaps),
    PlotHeight: Math.min(...charts.map(chart => +chart.querySelector("rect.nsewdrag").getAttribute("height")))
  });
}, 4000));
</script>"""

/// What the browser shows and logs; skips the test where there is none.
let show (page: string) width =
    match chromium with
    | None -> skiptest "needs chromium"
    | Some browser ->
        Scratch.withFolder (fun folder ->
            let path = Path.Combine(folder, "frame.html")
            File.WriteAllText(path, frame $"file://{page}" width)

            let info =
                ProcessStartInfo(
                    browser,
                    [
                        "--headless"
                        "--no-sandbox"
                        "--disable-gpu"
                        "--disable-background-networking"
                        "--no-first-run"
                        "--allow-file-access-from-files"
                        $"--user-data-dir={folder}"
                        "--enable-logging=stderr"
                        "--window-size=1500,1000"
                        "--virtual-time-budget=15000"
                        "--dump-dom"
                        $"file://{path}"
                    ]
                )

            info.RedirectStandardOutput <- true
            info.RedirectStandardError <- true

            match Process.Start info with
            | null -> failtest "the browser did not start"
            | started ->
                use started = started
                let log = started.StandardError.ReadToEndAsync()
                let dom = started.StandardOutput.ReadToEnd()
                started.WaitForExit()
                let seen = Regex.Match(dom, "<pre>(.+?)</pre>").Groups[1].Value

                let errors =
                    log.Result.Split '\n'
                    |> Array.filter (fun line -> line.Contains("CONSOLE", StringComparison.Ordinal))

                Expect.isEmpty errors $"nothing on the console at {width} px"
                Expect.isNotEmpty seen $"the page loaded: {dom}"

                match JsonSerializer.Deserialize<Shown>(nonNull (WebUtility.HtmlDecode seen)) with
                | null -> failtest "nothing seen"
                | shown -> shown)
