/// A Prometheus server from Debian's package, which scrapes a page of the test's own.
module OnlinePolicyAdaptation.Tests.Service.RealPrometheus

open System
open System.Diagnostics
open System.IO
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// Where its program is.
let installed =
    [ "/usr/bin/prometheus"; "/usr/local/bin/prometheus" ]
    |> List.tryFind File.Exists

let private system =
    {
        Grid = TwoNodes.grid
        Topology = Topology(TwoNodes.array [ "busy"; "idle" ], TwoNodes.array [ "n1"; "n2" ])
    }

/// 50 requests come each second, 40 are answered, each within 25 ms; the idle service counts, but nothing comes. What somebody
/// else has reported at the beginning comes again with its own time.
let private page (begun: DateTimeOffset) (seconds: float) =
    $"""# TYPE mesh_routing_weight gauge
mesh_routing_weight{{service="busy",node="n1"}} 0.6
# TYPE node_cpu_cores gauge
node_cpu_cores{{node="n1"}} 3
node_cpu_cores{{node="n2"}} 3
reported_cores 3 {begun.ToUnixTimeMilliseconds()}
# TYPE offered_total counter
offered_total{{service="busy"}} {50.0 * seconds}
offered_total{{service="idle"}} 0
# TYPE served_seconds summary
served_seconds_sum{{service="busy"}} {1.0 * seconds}
served_seconds_count{{service="busy"}} {40.0 * seconds}
served_seconds_sum{{service="idle"}} 0
served_seconds_count{{service="idle"}} 0
"""

let private interval = TimeSpan.FromSeconds 2.0

/// What rates are over, in seconds.
let private window = 3

let private queries service =
    let rate metric =
        $"sum(rate({metric}{{service=\"{service}\"}}[{window}s]))"

    {
        OfferedLoad = rate "offered_total"
        CarriedLoad = rate "served_seconds_count"
        MeanResponseTime = $"""{rate "served_seconds_sum"} / {rate "served_seconds_count"}"""
    }

let private settings port =
    {
        Url = Uri $"http://127.0.0.1:{port}/"
        Controls = [ "mesh_routing_weight{service=\"busy\"}"; "max(node_cpu_cores)" ]
        Services = [ queries "busy"; queries "idle" ]
        Timeout = TimeSpan.FromSeconds 10.0
        BearerTokenFile = None
    }

/// Starts it on a port, to scrape a page every half second.
let start (binary: string) folder port (target: Uri) =
    let configuration = Path.Combine(folder, "prometheus.yml")
    let data = Path.Combine(folder, "data")

    File.WriteAllText(
        configuration,
        $"""
global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}
scrape_configs:
  - job_name: mesh
    static_configs: [ {{ targets: [ "{target.Authority}" ] }} ]
"""
    )

    let info =
        ProcessStartInfo(
            binary,
            [
                $"--config.file={configuration}"
                $"--storage.tsdb.path={data}"
                $"--web.listen-address=127.0.0.1:{port}"
                "--log.level=error"
            ]
        )

    match Process.Start info with
    | null -> failtest "prometheus did not start"
    | server -> server

let private ask client settings =
    Prometheus.query client settings system interval DateTimeOffset.UtcNow CancellationToken.None

/// Asks until the server can answer, for a minute at most.
let rec private firstInterval client settings (clock: Stopwatch) =
    task {
        match! ask client settings with
        | Ok interval -> return interval
        | Error fault when clock.Elapsed > TimeSpan.FromMinutes 1.0 -> return failtest $"{fault}"
        | Error _ ->
            do! Task.Delay 50
            return! firstInterval client settings clock
    }

let private checkInterval (interval: Interval) =
    let busy, idle = interval.Services[0], interval.Services[1]
    Expect.equal interval.Configuration (TwoNodes.configuration 0.6 3.0) "levels of the grid"
    Expect.floatClose { absolute = 0.0; relative = 0.3 } busy.OfferedLoad.PerSecond 50.0 "offered load"
    Expect.floatClose { absolute = 0.0; relative = 0.3 } busy.CarriedLoad.PerSecond 40.0 "carried load"
    Expect.floatClose Accuracy.medium busy.MeanResponseTime.Value.Seconds 0.025 "response time"
    Expect.equal idle (ServiceMetrics(RequestRate 0.0, RequestRate 0.0, Nullable())) "nothing was served"

let private expectUnusable client settings part =
    task {
        match! ask client settings with
        | Error(QueryError.Unusable fault) -> Expect.stringContains fault.Reason part "says why"
        | other -> failtest $"{other}"
    }

let private whileItRuns client settings =
    task {
        let! _ = firstInterval client settings (Stopwatch.StartNew())
        do! Task.Delay(TimeSpan.FromSeconds(float window)) // until rates are over a whole window

        let! interval = firstInterval client settings (Stopwatch.StartNew())
        checkInterval interval

        let withControls controls = { settings with Controls = controls }

        do!
            expectUnusable
                client
                (withControls [ "sum("; "1" ])
                "control p11, query 'sum(': HTTP 400: invalid parameter \"query\""

        do!
            expectUnusable
                client
                (withControls [ "1"; "node_cpu_cores" ])
                "control c1, query 'node_cpu_cores': 2 samples; expected one; they differ in node"

        // It is found for five minutes, where nothing else is said.
        match! ask client (withControls [ "1"; "reported_cores" ]) with
        | Error(QueryError.Unusable fault) ->
            Expect.stringContains fault.Reason "stale" "by its own time, or, from version 2.44 on, not found at all"
        | other -> failtest $"{other}"
    }

let private scrapeAndAsk binary folder =
    let clock = Stopwatch.StartNew()
    let begun = DateTimeOffset.UtcNow

    StubServer.run
        (fun context ->
            context.Response.ContentType <- "text/plain; version=0.0.4"
            StubServer.reply 200 (page begun clock.Elapsed.TotalSeconds) context)
        (fun target ->
            task {
                let port = StubServer.freePort ()
                let settings = settings port
                use client = Http.client ()
                use server = start binary folder port target

                try
                    do! whileItRuns client settings
                finally
                    server.Kill()
                    server.WaitForExit()

                match! ask client settings with
                | Error(QueryError.Unreachable _) -> ()
                | other -> failtest $"{other}"
            })

[<Tests>]
let tests =
    testList
        "Service.RealPrometheus"
        [
            testTask "what Prometheus scraped is an interval, its complaints are told, and it may go away" {
                match installed with
                | None -> skiptest "needs prometheus"
                | Some binary ->
                    let folder = Directory.CreateTempSubdirectory("opar-").FullName

                    try
                        do! scrapeAndAsk binary folder
                    finally
                        Directory.Delete(folder, true)
            }
        ]
