module OnlinePolicyAdaptation.Tests.Service.Replay

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private withJournal (test: Journal -> unit) =
    Scratch.withFolder (fun folder ->
        use journal = SmallController.openJournal (Path.Combine(folder, "j.db"))
        test journal)

let private orFail =
    function
    | Ok value -> value
    | Error message -> failtest message

let private stateAt options clock (journal: Journal) cycle =
    Replay.state options clock Intervals.vocabulary (SmallController.start options) journal cycle
    |> orFail

let private entries (journal: Journal) =
    journal.Entries(0, Int32.MaxValue) |> Seq.toArray

/// Guarded, so that what the guard remembers counts as well.
let private guarded (options: ControllerOptions) =
    { options with
        Guard =
            { options.Guard with
                MaximumChanges = 3
                StabilisationWindow = TimeSpan.FromSeconds 60.0
                SettlingTime = TimeSpan.FromSeconds 7.0
                MaximumError = 0.6
            }
    }

/// A few configurations again and again, several cycles on each; node 2 becomes slow.
let private intervals =
    [|
        for n in 0..79 do
            let configuration = TwoNodes.grid.ConfigurationAt(n / 4 % 5 * 5 + 2)
            let onNode2 = if n < 40 then 0.08 else 0.6
            Intervals.at n configuration (TwoNodes.responseTime onNode2 configuration + 0.002 * float (n * 5 % 7))
    |]

let private replayed refitEvery guard =
    withJournal (fun journal ->
        let options = guard (SmallController.options refitEvery)
        let start = SmallController.start options

        let loop =
            { SmallController.loop options (fun _ _ -> Task.FromResult []) with
                Journal = ValueSome journal
            }

        SmallController.run loop start (SmallController.source intervals) |> ignore
        let expected = SmallController.decisions options start intervals
        let kept = entries journal |> Seq.map _.Decision |> List.ofSeq
        Expect.equal kept expected "the journal"
        Expect.isTrue (kept |> List.exists _.Contains("\"change\"")) "the change is noticed"

        for cycle in 0 .. intervals.Length do
            let next = intervals |> Seq.skip cycle |> Seq.truncate 2

            Expect.equal
                (SmallController.decisions options (stateAt options Clock.Lockstep journal cycle) next)
                (expected |> List.skip cycle |> List.truncate 2)
                $"from cycle {cycle}")

// --- In real time

/// In its own time: intervals of milliseconds that end now.
let private live count : Pull =
    let mutable next = -1

    fun _ ->
        task {
            next <- next + 1

            if next % 3 = 0 then
                do! Task.Delay 4

            let interval = intervals[next % intervals.Length]

            return
                if next = count then
                    [||]
                else
                    [|
                        SmallController.arrival
                            (int64 next)
                            { interval with
                                Time = Intervals.beginning + TimeSpan.FromMilliseconds(float next)
                            }
                    |]
        }

let private qFactorsOf (decision: string) =
    use document = JsonDocument.Parse decision

    let factor (name: string) =
        match document.RootElement.TryGetProperty name with
        | true, value -> ValueSome(value.GetDouble())
        | false, _ -> ValueNone

    factor "qFactor", factor "baseQFactor"

let private replayedBeside refitEvery =
    withJournal (fun journal ->
        let options = SmallController.options refitEvery

        let counts =
            SmallController.run
                { SmallController.loop options (fun _ _ -> Task.FromResult []) with
                    Journal = ValueSome journal
                    Clock = Clock.RealTime
                }
                (SmallController.start options)
                (live 160)

        Expect.equal counts.Decisions 160L "all of them"
        Expect.isGreaterThan counts.Refits 2L "models were fitted"
        Expect.isTrue (journal.Models 0 |> Seq.exists (fun m -> m.InstalledAt > m.FittedAt)) "beside"

        for kept in entries journal do
            let state, noted =
                Replay.planning
                    options
                    Clock.RealTime
                    Intervals.vocabulary
                    (SmallController.start options)
                    journal
                    kept.Cycle
                |> orFail

            let _, record = Controller.plan options state noted

            Expect.equal (record.QFactor, record.BaseQFactor) (qFactorsOf kept.Decision) $"cycle {kept.Cycle}")

// --- Cut off and begun again

/// The mesh as a formula, with noise that goes by the number of the interval.
let private simulated () =
    let mutable configuration = TwoNodes.configuration 1.0 5.0
    let mutable interval = 0

    { new IEnvironment with
        member _.ObserveAsync _ =
            let onNode2 = if interval < 20 then 0.08 else 0.3
            let noise = 0.002 * float (interval * 5 % 7)

            let seconds = ValueSome(TwoNodes.responseTime onNode2 configuration + noise)

            let metrics = TwoNodes.metrics interval configuration seconds
            interval <- interval + 1
            ValueTask<Metrics> metrics

        member _.ApplyAsync(next, _) =
            configuration <- next
            ValueTask.CompletedTask
    }

/// A source, begun after what a journal holds, and where its decisions go besides.
type private Begun =
    {
        Pull: Pull
        Sinks: Deliver list
        IsClosedLoop: bool
    }

let private count = 40

let private position (journal: Journal) =
    match journal.Entries(journal.LastCycle, journal.LastCycle) |> Seq.tryHead with
    | Some entry -> entry.Position + 1L
    | None -> 0L

let private lineSource _ (_: Journal) =
    {
        Pull = SmallController.lines (intervals |> Seq.truncate count |> Seq.map Intervals.line)
        Sinks = []
        IsClosedLoop = false
    }

let private traceSource folder (journal: Journal) =
    let csv =
        [
            "l1,p11,c1,cl1,d1"
            for interval in Seq.truncate count intervals do
                let values = TwoNodes.grid.Values interval.Configuration
                $"5,{values[0]},{values[1]},5,{interval.Services[0].MeanResponseTime.Value.Seconds:R}"
        ]

    let path = Path.Combine(folder, "trace.csv")
    File.WriteAllLines(path, csv)

    let reader =
        TraceReader.Open(path, TwoNodes.grid, TraceColumns.Testbed(TwoNodes.grid, 1))

    {
        Pull =
            TraceSource.create
                reader
                (position journal)
                Clock.Lockstep
                Pace.Unlimited
                (TimeSpan.FromSeconds 5.0)
                TimeProvider.System
        Sinks = []
        IsClosedLoop = false
    }

let private simulation _ (journal: Journal) =
    let environment = simulated ()

    let earlier =
        entries journal
        |> Seq.map (fun entry ->
            let decision =
                DecisionJson.outgoing Intervals.vocabulary entry.Cycle entry.Decision |> orFail

            struct (entry.Position, decision))

    (EnvironmentSource.rewind environment earlier).Wait()

    {
        Pull =
            EnvironmentSource.create
                environment
                (position journal)
                (int64 count)
                Clock.Lockstep
                Pace.Unlimited
                (TimeSpan.FromSeconds 5.0)
                TimeProvider.System
        Sinks = [ Sink.environment environment ]
        IsClosedLoop = true
    }

/// Runs until so many decisions are delivered, then stops at once. What was delivered, by key.
let private runOnce options begin' folder (delivered: Dictionary<string, string>) stopAfter =
    use journal = SmallController.openJournal (Path.Combine(folder, "j.db"))
    use stop = new CancellationTokenSource()
    let begun: Begun = begin' folder journal
    let mutable now = 0

    let deliver: Deliver =
        fun sent _ ->
            for decision in sent do
                match delivered.TryGetValue decision.IdempotencyKey with
                | true, text -> Expect.equal decision.Text text "the same under the same key"
                | false, _ -> delivered[decision.IdempotencyKey] <- decision.Text

                now <- now + 1

                if now = stopAfter then
                    stop.Cancel()

            Task.FromResult []

    let state = stateAt options Clock.Lockstep journal (journal.LastCycle + 1)

    (SmallController.runUntil
        stop.Token
        begun.IsClosedLoop
        { SmallController.loop options (Sink.all (deliver :: begun.Sinks)) with
            Journal = ValueSome journal
        }
        state
        begun.Pull)
        .GetAwaiter()
        .GetResult()
    |> ignore

    journal.LastCycle + 1

let private resumed mode begin' =
    let options =
        { SmallController.options 3 with
            Mode = mode
        }

    let run stops =
        Scratch.withFolder (fun folder ->
            let delivered = Dictionary<string, string>()
            let mutable cycles = 0

            for stop in stops do
                cycles <- runOnce options begin' folder delivered stop

            cycles <- runOnce options begin' folder delivered Int32.MaxValue
            Expect.equal cycles count "each interval once"
            use journal = SmallController.openJournal (Path.Combine(folder, "j.db"))
            let kept = entries journal |> Seq.map _.Decision |> List.ofSeq
            Expect.equal (List.sort kept) (delivered.Values |> List.ofSeq |> List.sort) "all delivered"
            kept)

    let uninterrupted = run []

    for stops in [ [ 1 ]; [ 7 ]; [ 22 ]; [ 3; 1; 1; 9; 12 ] ] do
        Expect.equal (run stops) uninterrupted $"stopped after {stops}"

[<Tests>]
let tests =
    testList
        "Service.Replay"
        [
            for refitEvery in [ 1; 3 ] do
                testCase $"a journal gives any state of a run that refits every {refitEvery}, bit for bit"
                <| fun () -> replayed refitEvery id

                testCase $"so it does with a guard, refitting every {refitEvery}"
                <| fun () -> replayed refitEvery guarded

                testCase $"of models fitted beside every {refitEvery}, a journal gives the Q-factors decided on"
                <| fun () -> replayedBeside refitEvery

            for name, source in [ "lines", lineSource; "a trace", traceSource; "a simulation", simulation ] do
                testCase $"a run on {name}, stopped anywhere and begun again, decides as if it had not stopped"
                <| fun () -> resumed Mode.Act source

            testCase "a simulation in shadow mode that is begun again is where it was"
            <| fun () -> resumed Mode.Shadow simulation
        ]
