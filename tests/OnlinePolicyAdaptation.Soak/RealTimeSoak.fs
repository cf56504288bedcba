/// Posts in real time: an interval is decided on soon or not at all, and nothing old is acted on.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Soak.RealTimeSoak

open System
open System.Diagnostics
open System.IO
open System.Net
open System.Net.Http
open System.Net.Sockets
open System.Text
open System.Threading

let private interval = TimeSpan.FromSeconds 0.5
let private maximumAge = TimeSpan.FromSeconds 2.0

/// What is on its way while the machine is busy.
let private slack = TimeSpan.FromSeconds 1.0

let private manners =
    [|
        Manner.Good
        Manner.Good
        Manner.Slow
        Manner.Hanging
        Manner.Garbage
        Manner.Failing
        Manner.Putting
    |]

let private freePort () =
    let listener = new TcpListener(IPAddress.Loopback, 0)
    listener.Start()
    let port = (listener.LocalEndpoint :?> IPEndPoint).Port
    listener.Stop()
    port

/// What was told to a poster.
[<RequireQualifiedAccess>]
type private Told =
    | Status of int
    | Nothing

let private post (client: HttpClient) (url: string) (line: string) =
    try
        use content = new StringContent(line + "\n", Encoding.UTF8, "application/x-ndjson")
        use answer = client.PostAsync(url, content).Result
        Told.Status(int answer.StatusCode)
    with _ ->
        Told.Nothing

let private isReady (client: HttpClient) (url: string) =
    try
        use answer = client.GetAsync(url).Result
        answer.IsSuccessStatusCode
    with _ ->
        false

/// A process, what has become of it, and what happens to it.
type private World(folder, disk: Disk, receiver: Receiver, random: Random, findings: Findings) =
    let client = new HttpClient(Timeout = TimeSpan.FromSeconds 5.0)
    let address = $"http://127.0.0.1:{freePort ()}"
    let log = Path.Combine(folder, "real-time.log")

    let start () =
        let controller =
            new Controller(
                folder,
                log,
                [
                    "--post"
                    "--listen"
                    address
                    "--journal"
                    disk.Journal
                    "--quarantine"
                    Path.Combine(folder, "quarantine.ndjson")
                    "--webhook"
                    receiver.Url
                    "--without-trace"
                    "--deadline"
                    "400"
                ]
            )

        let patience = Stopwatch.StartNew()

        while not (isReady client $"{address}/healthz")
              && controller.IsUp
              && patience.Elapsed < TimeSpan.FromSeconds 60.0 do
            Thread.Sleep 50

        controller

    let mutable controller = start ()
    let lines = ResizeArray<string>()
    let mutable offset = TimeSpan.Zero
    let mutable outages = 0
    let mutable refused = 0
    let mutable kills = 0
    let mutable steps = 0
    let mutable bad = 0
    let mutable n = 0
    /// Ends of intervals that were posted while nothing was in the way.
    let undisturbed = ResizeArray<DateTimeOffset>()

    let tick isUndisturbed =
        let time = DateTimeOffset.UtcNow + offset

        if random.NextDouble() < 0.05 then
            bad <- bad + 1
            post client $"{address}/v1/metrics" (Elements.bad random n time) |> ignore

        let told = post client $"{address}/v1/metrics" (Elements.good n time)
        n <- n + 1

        // One from before all that is remembered is known.
        if told = Told.Status 200 && offset >= TimeSpan.Zero then
            findings.Require (disk.Times |> List.contains time) "a post was answered with 200 before it was kept"

        if isUndisturbed then
            undisturbed.Add time

        Thread.Sleep interval
        told

    let ticks count isUndisturbed =
        for _ in 1..count do
            tick isUndisturbed |> ignore

    let outage () =
        outages <- outages + 1
        disk.Fail controller.Id
        let answers = [ for _ in 1 .. random.Next(4, 7) -> tick false ]

        refused <-
            refused
            + (answers |> List.filter (fun told -> told = Told.Status 503) |> List.length)

        disk.Recover()
        let patience = Stopwatch.StartNew()

        while not (isReady client $"{address}/readyz")
              && patience.Elapsed < TimeSpan.FromSeconds 20.0 do
            tick false |> ignore

        findings.Require (isReady client $"{address}/readyz") "it is not ready again after an outage"

    let kill () =
        kills <- kills + 1
        findings.Require controller.IsUp "it has ended by itself"
        controller.Kill() |> ignore
        lines.AddRange controller.Lines
        (controller :> IDisposable).Dispose()
        controller <- start ()
        // The first may be from before the end.
        ticks 2 false

    let step (seconds: float) =
        steps <- steps + 1
        offset <- TimeSpan.FromSeconds seconds
        ticks 4 false
        offset <- TimeSpan.Zero
        ticks 2 false

    let happen n =
        match (if n < 4 then n else random.Next 8) with
        | 0 -> outage ()
        | 1 -> kill ()
        | 2 -> step -90.0
        | 3 -> step 90.0
        | 4 -> Thread.Sleep(random.Next(500, 3000))
        | _ -> receiver.Manner <- manners[random.Next manners.Length]

        ticks (random.Next(2, 6)) true

    member _.Run(length: TimeSpan) =
        let clock = Stopwatch.StartNew()
        ticks 2 false
        let mutable n = 0

        while clock.Elapsed < length || n < 4 do
            happen n
            n <- n + 1

        receiver.Manner <- Manner.Good
        findings.Require controller.IsUp "it has ended by itself"

        match controller.Stop() with
        | Ok() -> ()
        | Error reason -> findings.Require false reason

        lines.AddRange controller.Lines
        (controller :> IDisposable).Dispose()
        let kept = disk.Times |> List.map _.UtcTicks |> set
        let written = List.ofSeq lines

        /// Neighbours that nothing came of.
        let longestGap =
            ((0, 0), undisturbed)
            ||> Seq.fold (fun (longest, now) time ->
                let now = if kept.Contains time.UtcTicks then 0 else now + 1
                max longest now, now)
            |> fst

        let received = receiver.Received

        let oldest =
            received |> List.fold (fun oldest action -> max oldest action.Age) TimeSpan.Zero

        findings.Count "intervals posted" undisturbed.Count
        findings.Count "bad elements" bad
        findings.Count $"outages ({disk.Kind})" outages
        findings.Count "posts answered with 503" refused
        findings.Count "kills" kills
        findings.Count "steps of the clock" steps
        findings.Count "actions received" received.Length
        findings.Count "age at sending of the oldest action, in seconds" $"{oldest.TotalSeconds:F2}"

        findings.Count
            "actions sent at more than half the age allowed"
            (received
             |> List.filter (fun action -> action.Age > maximumAge / 2.0)
             |> List.length)

        findings.Count "intervals in a row without a decision, at most" longestGap
        findings.Require (Ndjson.impure written).IsEmpty "a line of standard output is no JSON"
        findings.Require (refused > 0) "no post was answered with 503 in an outage"
        findings.Require (not received.IsEmpty) "no action was sent"

        findings.Require
            (oldest <= maximumAge + slack)
            $"an action was {oldest.TotalSeconds:F1} s old; at most {maximumAge.TotalSeconds} s"

        findings.Require (longestGap <= 1) $"{longestGap} intervals in a row without a decision"

let run folder (length: TimeSpan) (random: Random) =
    let findings = Findings "real time, posts"
    Elements.writeScenario folder interval.TotalSeconds maximumAge.TotalSeconds
    use disk = Disk.Create(Path.Combine(folder, "disk"))
    use receiver = new Receiver()
    World(folder, disk, receiver, random, findings).Run length
    findings
