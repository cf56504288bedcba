/// opar control as a process, which is told to end, or killed.
module OnlinePolicyAdaptation.Tests.Cli.ControlCommand

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Threading.Tasks
open Expecto
open Microsoft.AspNetCore.Http
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.Tests
open OnlinePolicyAdaptation.Tests.Service

/// A controller that works until it is ended.
let private started folder arguments =
    let controller = Opar.start folder ("control" :: arguments)
    // What is not read would hold it up.
    controller.ErrorDataReceived.Add ignore
    controller.BeginErrorReadLine()
    controller

let private signal name (controller: Process) =
    use kill = Process.Start("kill", [ $"-{name}"; string<int> controller.Id ])
    kill.WaitForExit()

let private query path text (read: SqliteDataReader -> 'a) =
    use connection = new SqliteConnection($"Data Source={path};Pooling=false")
    connection.Open()
    use command = connection.CreateCommand()
    command.CommandText <- text
    use reader = command.ExecuteReader()

    [
        while reader.Read() do
            read reader
    ]

let private decisions journal =
    query journal "SELECT content FROM decision ORDER BY cycle" _.GetString(0)

let private keyOf (decision: string) =
    use document = JsonDocument.Parse decision
    string (document.RootElement.GetProperty("idempotencyKey").GetString())

/// Adds the decisions of an output to what was delivered; a line that was cut off by the end is none.
let private collect (delivered: Dictionary<string, string>) (output: string) =
    for line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
        if line.EndsWith '}' && line.StartsWith '{' then
            match delivered.TryGetValue(keyOf line) with
            | true, text -> Expect.equal line text "the same under the same key"
            | false, _ -> delivered[keyOf line] <- line

let private rows = TwoNodes.configurations.Length * 4

/// How often the replay is killed: the variable OPAR_TEST_KILLS, or 5.
let private kills =
    match Int32.TryParse(Environment.GetEnvironmentVariable "OPAR_TEST_KILLS") with
    | true, kills -> kills
    | _ -> 5

/// A replay that is killed at some moments after its beginning, in milliseconds, and then left alone.
let private killed () =
    SmallScenario.withScenario (fun folder _ ->
        let arguments journal =
            [
                "."
                "--trace"
                "after.csv"
                "--refit-every"
                "4"
                "--journal"
                journal
                "--speed"
            ]

        let whole = Opar.run folder ("control" :: arguments "whole.db" @ [ "max" ])
        Expect.equal whole.ExitCode 0 whole.Errors
        let expected = decisions (Path.Combine(folder, "whole.db"))
        Expect.equal expected.Length rows "a decision for each row"

        let delivered = Dictionary<string, string>()
        let random = Random 11

        for _ in 1..kills do
            // At this speed the whole trace takes 3 s, the start a part of one.
            use controller = started folder (arguments "killed.db" @ [ "200x" ])
            let output = controller.StandardOutput.ReadToEndAsync()
            Threading.Thread.Sleep(random.Next(300, 1500))
            controller.Kill()
            controller.WaitForExit()
            collect delivered output.Result

        let last = Opar.run folder ("control" :: arguments "killed.db" @ [ "max" ])
        Expect.equal last.ExitCode 0 last.Errors
        collect delivered last.Output
        Expect.equal (decisions (Path.Combine(folder, "killed.db"))) expected "each interval once"
        Expect.equal (delivered.Values |> List.ofSeq |> List.sort) (List.sort expected) "delivered, all of them")

let private told () =
    SmallScenario.withScenario (fun folder _ ->
        let journal = Path.Combine(folder, "j.db")

        use controller =
            started folder [ "."; "--trace"; "before.csv"; "--speed"; "100x"; "--journal"; journal ]

        let output = ResizeArray<string>()

        for _ in 1..10 do
            match controller.StandardOutput.ReadLine() with
            | null -> failtest "it ended"
            | line -> output.Add line

        let rest = controller.StandardOutput.ReadToEndAsync()
        let clock = Stopwatch.StartNew()
        signal "TERM" controller
        controller.WaitForExit()
        Expect.isLessThan clock.Elapsed (TimeSpan.FromSeconds 2.0) "at once"
        Expect.equal controller.ExitCode 0 "in peace"
        output.AddRange(rest.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        Expect.equal (decisions journal) (List.ofSeq output) "all that went out is kept, and the other way round"

        Expect.equal
            (query journal "SELECT value FROM meta WHERE key = 'delivered'" _.GetString(0))
            [ string (output.Count - 1) ]
            "and known to be delivered")

/// A trace that is long enough to fill a pipe that nobody reads.
let private longTrace folder =
    let lines = File.ReadAllLines(Path.Combine(folder, "before.csv"))

    File.WriteAllLines(
        Path.Combine(folder, "long.csv"),
        [
            lines[0]
            for _ in 1..5 do
                yield! lines[1..]
        ]
    )

let private whole (output: string) =
    output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
    |> List.ofArray
    // The last line may have been cut off.
    |> List.filter (fun line ->
        try
            keyOf line <> ""
        with :? JsonException ->
            false)

let private onLongTrace speed =
    [
        "."
        "--trace"
        "long.csv"
        "--speed"
        speed
        "--journal"
        "j.db"
        "--refit-every"
        "200"
    ]

/// Waits until nothing more comes into a journal.
let private settled journal =
    let clock = Stopwatch.StartNew()
    let mutable before = -1
    let mutable now = 0

    while (now = 0 || now <> before) && clock.Elapsed < TimeSpan.FromSeconds 30.0 do
        Threading.Thread.Sleep 1000
        before <- now

        // The file is there before its tables are.
        now <-
            try
                if File.Exists journal then
                    (decisions journal).Length
                else
                    0
            with :? SqliteException ->
                0

/// Killed in the middle of a line that nobody reads, one decision in the journal is not delivered: exactly that one is the
/// first that the next start delivers.
let private stuck () =
    SmallScenario.withScenario (fun folder _ ->
        longTrace folder
        let journal = Path.Combine(folder, "j.db")
        use controller = started folder (onLongTrace "5000x")
        settled journal
        controller.Kill()
        controller.WaitForExit()
        let first = whole (controller.StandardOutput.ReadToEnd())
        let kept = decisions journal
        Expect.isGreaterThan kept.Length first.Length "some of what is kept was not delivered"
        Expect.equal first (List.truncate first.Length kept) "what was delivered"
        let last = Opar.run folder ("control" :: onLongTrace "max")
        Expect.equal last.ExitCode 0 last.Errors
        let second = whole last.Output
        Expect.equal (first @ second |> List.distinct) (decisions journal) "nothing is left out"

        Expect.isLessThanOrEqual
            (first.Length + second.Length)
            ((decisions journal).Length + 4)
            "and little said again")

/// While the journal cannot be written, nothing goes out that it does not hold.
let private committedFirst () =
    SmallScenario.withScenario (fun folder _ ->
        longTrace folder
        let journal = Path.Combine(folder, "j.db")
        use controller = started folder (onLongTrace "100x")
        let early = [ for _ in 1..5 -> string (controller.StandardOutput.ReadLine()) ]
        use connection = new SqliteConnection($"Data Source={journal};Pooling=false")
        connection.Open()
        use command = connection.CreateCommand()
        command.CommandText <- "BEGIN IMMEDIATE"
        command.ExecuteNonQuery() |> ignore
        let output = controller.StandardOutput.ReadToEndAsync()
        Threading.Thread.Sleep 500
        let kept = decisions journal
        controller.Kill()
        controller.WaitForExit()
        let delivered = early @ whole output.Result
        Expect.equal (List.except kept delivered) [] "what went out is in the journal")

// --- A webhook

type private Posted = { Key: string; Body: string }

/// A receiver that does not answer until it is told to, and keeps what it is sent.
let private receiver (answers: unit -> bool) (test: Uri -> ConcurrentQueue<Posted> -> Task<unit>) =
    let seen = ConcurrentQueue<Posted>()

    StubServer.run
        (fun context ->
            task {
                use reader = new StreamReader(context.Request.Body)
                let! body = reader.ReadToEndAsync()

                seen.Enqueue
                    {
                        Key = context.Request.Headers["Idempotency-Key"].ToString()
                        Body = body
                    }

                if not (answers ()) then
                    do! Task.Delay(Threading.Timeout.Infinite, context.RequestAborted)

                context.Response.StatusCode <- 204
            })
        (fun url -> test url seen)

let private moves (decision: string) =
    use document = JsonDocument.Parse decision

    document.RootElement.GetProperty("action").EnumerateObject()
    |> Seq.exists (fun move -> move.Value.GetInt32() <> 0)

let private undelivered () =
    let mutable answers = false

    (receiver (fun () -> answers) (fun url seen ->
        task {
            SmallScenario.withScenario (fun folder _ ->
                let arguments =
                    [
                        "."
                        "--trace"
                        "before.csv"
                        "--journal"
                        "j.db"
                        "--quiet"
                        "--webhook"
                        string url
                    ]

                let waitForPost () =
                    let before = seen.Count
                    let clock = Stopwatch.StartNew()

                    while seen.Count = before && clock.Elapsed < TimeSpan.FromSeconds 20.0 do
                        Threading.Thread.Sleep 10

                let endsInTime (controller: Process) =
                    let clock = Stopwatch.StartNew()
                    signal "TERM" controller
                    controller.WaitForExit()
                    Expect.isLessThan clock.Elapsed (TimeSpan.FromSeconds 2.0) "at once"
                    Expect.equal controller.ExitCode 0 "in peace"

                // Ended in the first delivery, then in the repetition of it, then left alone.
                for _ in 1..2 do
                    use controller = started folder arguments
                    waitForPost ()
                    endsInTime controller

                answers <- true
                let last = Opar.run folder ("control" :: arguments)
                Expect.equal last.ExitCode 0 last.Errors
                let posts = List.ofSeq seen
                Expect.equal posts[1] posts[0] "again, under the same key"
                Expect.equal posts[2] posts[0] "and again"

                for post in posts do
                    Expect.equal post.Key (keyOf post.Body) "its key"

                Expect.equal
                    (posts |> List.map _.Body |> List.distinct)
                    (decisions (Path.Combine(folder, "j.db")) |> List.filter moves)
                    "every action is posted, in its order, and nothing else")
        }))
        .GetAwaiter()
        .GetResult()

// --- A closed loop of three processes

/// The small scenario, measured by a Prometheus server each second.
let private measuredBy port =
    let rate metric = $"sum(rate({metric}[2s]))"

    let prometheus =
        $"""{{
    "url": "http://127.0.0.1:{port}",
    "controls": {{ "p11": "routing_weight", "c1": "cpu_cores" }},
    "services": [
      {{
        "offeredLoad": "{rate "offered_total"}",
        "carriedLoad": "{rate "served_seconds_count"}",
        "meanResponseTime": "{rate "served_seconds_sum"} / {rate "served_seconds_count"}"
      }}
    ]
  }}"""

    SmallScenario.json.TrimEnd().TrimEnd('}')
    + $""",
  "live": {{ "intervalSeconds": 1, "prometheus": {prometheus} }}
}}"""

/// What the system of the small scenario shows: response times go by the configuration in force.
type private System() =
    let clock = Stopwatch.StartNew()
    let mutable before = 0.0
    let mutable seconds = 0.0
    let mutable configuration = TwoNodes.configuration 1.0 5.0

    /// Of all requests up to now: 5 each second.
    let served () =
        let now = clock.Elapsed.TotalSeconds
        seconds <- seconds + 5.0 * (now - before) * TwoNodes.responseTime 0.08 configuration
        before <- now
        now

    member this.Configuration = lock this (fun () -> configuration)

    member this.Apply next =
        lock this (fun () ->
            served () |> ignore
            configuration <- next)

    member this.Page =
        lock this (fun () ->
            let now = served ()
            let values = TwoNodes.grid.Values configuration

            $"""# TYPE routing_weight gauge
routing_weight {values[0]}
# TYPE cpu_cores gauge
cpu_cores {values[1]}
# TYPE offered_total counter
offered_total {5.0 * now}
# TYPE served_seconds summary
served_seconds_sum {seconds}
served_seconds_count {5.0 * now}
"""     )

let private targetOf (decision: string) =
    use document = JsonDocument.Parse decision
    let controls = document.RootElement.GetProperty "controls"
    TwoNodes.configuration (controls.GetProperty("p11").GetDouble()) (controls.GetProperty("c1").GetDouble())

/// A system that shows its measures on a page and takes actions as posts, a Prometheus server that scrapes it, and opar.
let private controlled (binary: string) =
    let system = System()
    let posted = ConcurrentQueue<Posted>()

    let answer (context: HttpContext) : Task =
        task {
            if context.Request.Method = "POST" then
                use reader = new StreamReader(context.Request.Body)
                let! body = reader.ReadToEndAsync()

                posted.Enqueue
                    {
                        Key = context.Request.Headers["Idempotency-Key"].ToString()
                        Body = body
                    }

                system.Apply(targetOf body)
                context.Response.StatusCode <- 204
            else
                context.Response.ContentType <- "text/plain; version=0.0.4"
                do! StubServer.reply 200 system.Page context
        }

    let test (url: Uri) =
        task {
            SmallScenario.withScenario (fun folder _ ->
                let port = StubServer.freePort ()
                File.WriteAllText(Path.Combine(folder, "scenario.json"), measuredBy port)
                use server = RealPrometheus.start binary folder port url

                try
                    use controller =
                        started folder [ "."; "--prometheus"; "--webhook"; string url; "--journal"; "j.db"; "--quiet" ]

                    let clock = Stopwatch.StartNew()

                    while posted.Count < 3 && clock.Elapsed < TimeSpan.FromSeconds 60.0 do
                        Threading.Thread.Sleep 50

                    signal "TERM" controller
                    controller.WaitForExit()
                    Expect.equal controller.ExitCode 0 "in peace"
                finally
                    server.Kill()
                    server.WaitForExit()

                let kept = decisions (Path.Combine(folder, "j.db"))
                let posts = List.ofSeq posted
                Expect.isGreaterThanOrEqual posts.Length 3 "actions were posted"
                Expect.equal (posts |> List.map _.Body) (kept |> List.filter moves) "those that were decided on"

                for post in posts do
                    Expect.equal post.Key (keyOf post.Body) "its key"

                Expect.equal (posts |> List.map _.Key |> List.distinct |> List.length) posts.Length "each once"
                Expect.equal system.Configuration (targetOf (List.last posts).Body) "and brought into force"
                Expect.notEqual system.Configuration (TwoNodes.configuration 1.0 5.0) "so that it has moved")
        }

    StubServer.run answer test

// --- Files

let private conflicting =
    [
        [ "--quarantine"; "j.db" ]
        [ "--quarantine"; "link.db" ]
        [ "--quarantine"; "j.db-wal" ]
        [ "--quarantine"; "scenario.json" ]
        [ "--quarantine"; "before.csv" ]
        [ "--quarantine"; "after.csv" ]
    ]

let private conflict arguments =
    SmallScenario.withScenario (fun folder _ ->
        let contents () =
            [
                for file in Directory.GetFiles folder |> Array.sort do
                    file, File.ReadAllText file
            ]

        File.CreateSymbolicLink(Path.Combine(folder, "link.db"), "j.db") |> ignore
        File.WriteAllText(Path.Combine(folder, "j.db"), "")
        let before = contents ()

        let outcome =
            Opar.run folder ([ "control"; "."; "--trace"; "after.csv"; "--journal"; "j.db" ] @ arguments)

        Expect.equal outcome.ExitCode 1 outcome.Output
        Expect.stringContains outcome.Errors "the same file as" "says so"
        Expect.stringContains outcome.Errors arguments[1] "says which"
        Expect.equal (contents ()) before "nothing is written")

/// A bad line, then good ones, in a working directory in which nobody can make a file.
let private nowhereToWrite () =
    if not (Directory.Exists "/proc/self") then
        skiptest "needs /proc"

    SmallScenario.withScenario (fun folder _ ->
        let input = Path.Combine(folder, "input.ndjson")
        let good = Intervals.recorded 3 3 |> Array.map Intervals.line
        File.WriteAllLines(input, Array.append [| "bad" |] good)
        let control = [ "control"; folder; "--stdin" ]
        let outcome = Opar.runOn input "/proc" control
        Expect.equal outcome.ExitCode 0 outcome.Errors
        Expect.equal (whole outcome.Output).Length 3 "the good ones"
        Expect.stringContains outcome.Errors "small.quarantine.ndjson" "says what cannot be written"
        Expect.stringContains outcome.Errors "1 elements quarantined" "and counts"
        let named = Opar.runOn input "/proc" (control @ [ "--quarantine"; "q.ndjson" ])
        Expect.equal named.ExitCode 1 "a file that was named is needed"
        Expect.equal named.Output "" "at the start"
        let journal = Path.Combine(folder, "j.db")
        let beside = Opar.runOn input "/proc" (control @ [ "--journal"; journal ])
        Expect.equal beside.ExitCode 0 beside.Errors
        Expect.equal (File.ReadAllLines $"{journal}.quarantine.ndjson").Length 1 "beside the journal")

/// Good lines, a bad one, a blank one and one that comes again: a line of output for each but the blank one, in their order.
let private answered () =
    SmallScenario.withScenario (fun folder _ ->
        let input = Path.Combine(folder, "input.ndjson")
        let good = Intervals.recorded 3 3 |> Array.map Intervals.line
        File.WriteAllLines(input, [| good[0]; "bad"; ""; good[1]; good[1]; good[2] |])
        let outcome = Opar.runOn input folder [ "control"; folder; "--stdin"; "--reply" ]
        Expect.equal outcome.ExitCode 0 outcome.Errors
        let lines = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        Expect.equal lines.Length 5 outcome.Output

        for i, part in
            [
                0, "\"cycle\":0"
                1, "{\"position\":1,\"outcome\":\"quarantined\",\"kind\":\"unparsable\",\"reason\":\""
                2, "\"cycle\":1"
                3, "{\"position\":3,\"outcome\":\"alreadyKnown\"}"
                4, "\"cycle\":2"
            ] do
            Expect.stringContains lines[i] part $"line {i}")

// --- Wrong command lines

let private wrong =
    [
        [], "no source of metrics"
        [ "--stdin"; "--simulate" ], "several sources"
        [ "--simulate" ], "simulation"
        [ "--trace"; "before.csv"; "--reply" ], "--reply: expected --stdin"
        [ "--stdin"; "--reply"; "--quiet" ], "--reply: expected no --quiet"
        [ "--trace"; "missing.csv" ], "missing.csv"
        [ "--trace"; "before.csv"; "--speed"; "0x" ], "--speed: '0x'"
        [ "--stdin"; "--refit-every"; "0" ], "--refit-every: 0"
        [ "--stdin"; "--listen"; "http://0.0.0.0:0" ], "token"
        [ "--stdin"; "--webhook"; "localhost" ], "--webhook: 'localhost'"
        [ "--stdin"; "--webhook"; "ftp://user:secret@host/a?secret" ], "--webhook: 'ftp://***@host/a?***'"
        [
            "--stdin"
            "--webhook"
            "http://127.0.0.1:9/"
            "--webhook-token-file"
            "missing"
        ],
        "--webhook-token-file: missing"
        [ "--stdin"; "--listen"; "http://user:secret@127.0.0.1:0" ], "--listen: 'http://***@127.0.0.1:0'"
        [ "--stdin"; "--retention"; "many" ], "--retention"
        [ "--stdin"; "--quarantine"; "missing/q.ndjson" ], "missing/q.ndjson"
    ]

let private refused (arguments, part) =
    SmallScenario.withScenario (fun folder _ ->
        let files () =
            Directory.GetFiles folder |> Array.map Path.GetFileName |> Array.sort

        let before = files ()

        let outcome = Opar.run folder ([ "control"; "."; "--journal"; "j.db" ] @ arguments)

        Expect.notEqual outcome.ExitCode 0 $"{arguments}"
        Expect.stringContains outcome.Errors part $"{arguments}"
        Expect.isFalse (outcome.Errors.Contains "secret") $"{arguments}: {outcome.Errors}"
        Expect.isFalse (outcome.Errors.Contains "\n   at ") $"{arguments}: {outcome.Errors}"
        Expect.equal outcome.Output "" $"{arguments}"
        Expect.equal (files ()) before $"{arguments}: nothing is left behind")

[<Tests>]
let tests =
    testList
        "Cli.ControlCommand"
        [
            testCase
                "killed at any moment and begun again, it decides once on each interval, as if it had not been"
                killed
            testCase "killed while a decision goes out, it delivers that one next, and all others" stuck
            testCase "nothing goes out before it is in the journal" committedFirst
            testCase "with --reply each line has its answer, the decision or why there is none" answered
            testCase "where no file can be made, it works without a quarantine that nobody named" nowhereToWrite
            for arguments in conflicting do
                let line = String.concat " " arguments
                testCase $"'{line}' is refused where that file is used already" (fun () -> conflict arguments)
            testCase "told to end, it ends at once with everything kept" told
            testCase
                "an action whose delivery was cut off is delivered after the next start, under the same key"
                undelivered
            testTask "metrics from a Prometheus server, actions to a webhook: a system is controlled" {
                match RealPrometheus.installed with
                | None -> skiptest "needs prometheus"
                | Some binary -> do! controlled binary
            }

            for arguments, part in wrong do
                let line = String.concat " " arguments

                testCase $"'{line}' is refused with a word on it, and leaves nothing behind"
                <| fun () -> refused (arguments, part)
        ]
