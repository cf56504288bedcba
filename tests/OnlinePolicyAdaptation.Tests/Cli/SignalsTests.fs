/// opar as a process that is told to end, or whose surroundings fail: it ends in order, and in time.
module OnlinePolicyAdaptation.Tests.Cli.Signals

open System
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Threading.Tasks
open Expecto
open Microsoft.Data.Sqlite
open OnlinePolicyAdaptation.Tests

let private scenario name =
    Path.Combine(Repository.folder, "scenarios", name)

let private simulated = scenario "1-two-services"

/// How often each signal is sent to a new process: the variable OPAR_TEST_SIGNALS, or 1.
let private repetitions =
    match Int32.TryParse(Environment.GetEnvironmentVariable "OPAR_TEST_SIGNALS") with
    | true, times -> times
    | _ -> 1

let private signals = [ "TERM", 143; "HUP", 129; "INT", 130; "QUIT", 131 ]

let private canSignal name =
    if OperatingSystem.IsWindows() then
        skiptest "has no signals"

    if name = "INT" && Opar.ignoresInterrupts () then
        skiptest "Ctrl-C is ignored here, as in a shell's background"

let private signal name (started: Process) =
    use kill = Process.Start("kill", [ $"-{name}"; string<int> started.Id ])
    kill.WaitForExit()

/// Sends a signal, and waits for the end, which has to come within so many seconds.
let private ends name (within: float) (started: Process) =
    let clock = Stopwatch.StartNew()
    signal name started

    if not (started.WaitForExit 60_000) then
        started.Kill()
        failtest $"it did not end after {name}"

    Expect.isLessThan clock.Elapsed.TotalSeconds within $"in time after {name}"

let private isJson (line: string) =
    try
        use _ = JsonDocument.Parse line
        true
    with :? JsonException ->
        false

let private linesOf (output: string) =
    output.Split('\n', StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

let private isPure lines =
    for line in lines do
        Expect.isTrue (isJson line) $"a line of JSON: {line}"

/// One line of its own, and no dump of a stack outside of the log.
let private saysOnce part (errors: string) =
    let own = linesOf errors |> List.filter _.StartsWith("opar: ")
    Expect.equal own.Length 1 $"one line: {errors}"
    Expect.stringContains own[0] part "what it is"
    Expect.isFalse (errors.Contains "\n   at ") $"no dump: {errors}"

let private decisions journal =
    use connection = new SqliteConnection($"Data Source={journal};Pooling=false")
    connection.Open()
    use command = connection.CreateCommand()
    command.CommandText <- "SELECT content FROM decision ORDER BY cycle"
    use reader = command.ExecuteReader()

    [
        while reader.Read() do
            reader.GetString 0
    ]

/// A controller, its first line, and what it writes then.
let private afterFirstLine folder arguments (test: Process -> string -> Task<string> -> Task<string> -> unit) =
    use started = Opar.start folder ("control" :: arguments)

    try
        let errors = started.StandardError.ReadToEndAsync()

        match started.StandardOutput.ReadLine() with
        | null -> failtest $"it ended: {errors.Result}"
        | first -> test started first (started.StandardOutput.ReadToEndAsync()) errors
    finally
        if not started.HasExited then
            started.Kill()

let private inClosedLoop clock name =
    canSignal name

    Scratch.withFolder (fun folder ->
        for i in 1..repetitions do
            let journal = Path.Combine(folder, $"{i}.db")

            afterFirstLine
                folder
                [
                    simulated
                    "--simulate"
                    "--clock"
                    clock
                    "--speed"
                    "20x"
                    "--journal"
                    journal
                ]
                (fun controller first rest errors ->
                    ends name 6.0 controller
                    Expect.equal controller.ExitCode 0 errors.Result
                    let output = first :: linesOf rest.Result
                    isPure output
                    Expect.equal (decisions journal) output "the journal holds what went out, all of it"))

/// A scenario whose problem takes long.
let private planning name code =
    canSignal name

    Scratch.withFolder (fun folder ->
        let out = Path.Combine(folder, "plan.json")

        use started =
            Opar.start
                folder
                [
                    "plan"
                    "--scenario"
                    scenario "2-system-change"
                    "--algorithm"
                    "sampled-rollout"
                    "--trajectories"
                    "1000000"
                    "--steps"
                    "1000"
                    "--out"
                    out
                ]

        let errors = started.StandardError.ReadToEndAsync()
        Threading.Thread.Sleep 3000
        Expect.isFalse started.HasExited "it is planning"
        ends name 6.0 started
        Expect.contains [ 1; code ] started.ExitCode errors.Result
        saysOnce "" errors.Result
        Expect.isFalse (File.Exists out) "nothing is half written")

let private hangingReceiver () =
    (StubServer.run (fun context -> Task.Delay(Threading.Timeout.Infinite, context.RequestAborted)) (fun url ->
        task {
            Scratch.withFolder (fun folder ->
                afterFirstLine
                    folder
                    [
                        simulated
                        "--simulate"
                        "--clock"
                        "realtime"
                        "--speed"
                        "20x"
                        "--journal"
                        "j.db"
                        "--webhook"
                        string url
                    ]
                    (fun controller first rest errors ->
                        Threading.Thread.Sleep 1000
                        ends "TERM" 6.0 controller
                        Expect.isLessThan controller.ExitCode 2 errors.Result
                        let output = first :: linesOf rest.Result
                        isPure output
                        Expect.equal (decisions (Path.Combine(folder, "j.db"))) output "all are kept"))
        }))
        .GetAwaiter()
        .GetResult()

let private unwritableJournal () =
    Scratch.withFolder (fun folder ->
        let journal = Path.Combine(folder, "j.db")

        afterFirstLine
            folder
            [
                simulated
                "--simulate"
                "--clock"
                "realtime"
                "--speed"
                "20x"
                "--journal"
                journal
            ]
            (fun controller first rest errors ->
                use connection = new SqliteConnection($"Data Source={journal};Pooling=false")
                connection.Open()
                use command = connection.CreateCommand()
                command.CommandText <- "BEGIN IMMEDIATE"
                command.ExecuteNonQuery() |> ignore
                Threading.Thread.Sleep 1000
                ends "TERM" 6.0 controller
                command.CommandText <- "ROLLBACK"
                command.ExecuteNonQuery() |> ignore
                let output = first :: linesOf rest.Result
                Expect.notEqual controller.ExitCode 134 errors.Result
                isPure output
                Expect.equal (List.except (decisions journal) output) [] "nothing went out that is not kept"))

// --- Standard output

let private withoutReader arguments (test: Process -> Task<string> -> string -> unit) =
    Scratch.withFolder (fun folder ->
        use started =
            Opar.start
                folder
                ([ "control"; simulated; "--simulate"; "--clock"; "realtime"; "--speed"; "20x" ]
                 @ arguments)

        try
            let errors = started.StandardError.ReadToEndAsync()
            started.StandardOutput.ReadLine() |> ignore
            started.StandardOutput.Close()
            test started errors folder
        finally
            if not started.HasExited then
                started.Kill())

let private intoFull arguments =
    if not (File.Exists "/dev/full") then
        skiptest "has no /dev/full"

    let program = Path.Combine(AppContext.BaseDirectory, "opar.dll")

    Scratch.withFolder (fun folder ->
        let info =
            ProcessStartInfo(
                "sh",
                [ "-c"; "exec \"$@\" > /dev/full"; "sh"; Dotnet.dotnet; program; "control" ]
                @ [ simulated; "--simulate"; "--cycles"; "300" ]
                @ arguments
            )

        info.WorkingDirectory <- folder
        info.RedirectStandardError <- true

        match Process.Start info with
        | null -> failtest "it did not start"
        | started ->
            use started = started
            let errors = started.StandardError.ReadToEnd()
            started.WaitForExit()
            started.ExitCode, errors)

/// Lines of the log about standard output.
let private complaints (errors: string) =
    linesOf errors |> List.filter _.Contains("cannot be written to standard output")

// --- Numbers at their ends

let private extremes =
    [
        [ "--deadline"; "2147483647"; "--clock"; "realtime"; "--speed"; "1000x" ]
        [ "--retention"; "2147483647" ]
        [ "--retention"; "1" ]
        [ "--speed"; "1e300" ]
        [ "--webhook"; "http://127.0.0.1:9/" ]
    ]

let private longIntervals folder =
    for file in Directory.GetFiles simulated do
        File.Copy(file, Path.Combine(folder, string (Path.GetFileName file)))

    let text = File.ReadAllText(Path.Combine(simulated, "scenario.json"))
    let node = Nodes.JsonNode.Parse text

    match node with
    | null -> failtest "no scenario"
    | node ->
        node["live"] <- Nodes.JsonNode.Parse """{ "intervalSeconds": 100000 }"""
        File.WriteAllText(Path.Combine(folder, "scenario.json"), node.ToJsonString())

/// What a controller has said until it listens.
let private untilListening (started: Process) =
    let rec read said =
        match started.StandardError.ReadLine() with
        | null -> failtest $"it ended: {said}"
        | line when line.Contains "listening on" -> said + line
        | line -> read (said + line + "\n")

    read ""

[<Tests>]
let tests =
    testList
        "Cli.Signals"
        [
            for name, code in signals do
                for clock in [ "realtime"; "lockstep" ] do
                    testCase $"{name} ends a closed loop in {clock} in peace, with all kept" (fun () ->
                        inClosedLoop clock name)

                testCase $"{name} ends planning in time" (fun () -> planning name code)

            testCase "a receiver that hangs does not hold up the end" hangingReceiver
            testCase "a journal that cannot be written does not hold up the end" unwritableJournal

            testCase "where nobody reads standard output, and decisions go nowhere else, it ends" (fun () ->
                withoutReader [] (fun started errors _ ->
                    Expect.isTrue (started.WaitForExit 20_000) "soon"
                    Expect.equal started.ExitCode 1 errors.Result
                    saysOnce "cannot be written to standard output" errors.Result))

            testCase "where nobody reads standard output, and there is a journal, it goes on" (fun () ->
                withoutReader [ "--journal"; "j.db" ] (fun started errors folder ->
                    Threading.Thread.Sleep 3000
                    let journal = Path.Combine(folder, "j.db")
                    let before = (decisions journal).Length
                    Threading.Thread.Sleep 2000
                    Expect.isFalse started.HasExited "it works"
                    Expect.isGreaterThan (decisions journal).Length before "and decides"
                    ends "TERM" 6.0 started
                    Expect.equal started.ExitCode 0 errors.Result
                    Expect.equal (complaints errors.Result).Length 1 "said once"))

            testCase "where standard output is full, and decisions go nowhere else, it ends" (fun () ->
                let code, errors = intoFull []
                Expect.equal code 1 errors
                saysOnce "cannot be written to standard output" errors)

            testCase "where standard output is full, and there is a journal, it goes on" (fun () ->
                let code, errors = intoFull [ "--journal"; "j.db" ]
                Expect.equal code 0 errors
                Expect.equal (complaints errors).Length 1 "said once"
                Expect.stringContains errors "300 decisions" "all of them")

            for arguments in extremes do
                let line = String.concat " " arguments

                testCase $"'{line}' is no trouble" (fun () ->
                    Scratch.withFolder (fun folder ->
                        let outcome =
                            Opar.run folder ([ "control"; simulated; "--simulate"; "--cycles"; "3" ] @ arguments)

                        Expect.isLessThan outcome.ExitCode 2 outcome.Errors
                        Expect.equal (linesOf outcome.Output).Length 3 outcome.Errors
                        isPure (linesOf outcome.Output)))

            testTask "intervals of more than a day go with a webhook" {
                do!
                    StubServer.run (StubServer.reply 200 "") (fun url ->
                        task {
                            Scratch.withFolder (fun folder ->
                                longIntervals folder

                                let outcome =
                                    Opar.run
                                        folder
                                        [ "control"; "."; "--simulate"; "--cycles"; "3"; "--webhook"; string url ]

                                Expect.equal outcome.ExitCode 0 outcome.Errors
                                Expect.equal (linesOf outcome.Output).Length 3 outcome.Errors)
                        })
            }

            testCase "a speed at which nothing ever comes is waited for, until it is told to end" (fun () ->
                canSignal "TERM"

                Scratch.withFolder (fun folder ->
                    use started =
                        Opar.start
                            folder
                            [
                                "control"
                                simulated
                                "--simulate"
                                "--speed"
                                "1e-300"
                                "--listen"
                                "http://127.0.0.1:0"
                            ]

                    let errors = untilListening started
                    Threading.Thread.Sleep 500
                    Expect.isFalse started.HasExited "it waits"
                    // Twice at once is once.
                    signal "TERM" started
                    ends "TERM" 6.0 started
                    Expect.equal started.ExitCode 0 errors))
        ]
