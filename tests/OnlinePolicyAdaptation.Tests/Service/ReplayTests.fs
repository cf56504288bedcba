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

let private stateAt cycle (journal: Journal) number =
    Replay.state cycle Intervals.system journal number |> orFail

let private entries (journal: Journal) =
    journal.Entries(0, Int32.MaxValue) |> Seq.toArray

/// Guarded, so that what the guard remembers counts as well.
let private guarded (options: ControllerSettings) =
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
        let cycle = SmallController.start (guard (SmallController.options refitEvery))

        SmallController.run
            (SmallController.service cycle [] |> SmallController.withJournal journal)
            (SmallController.source intervals)
        |> ignore

        let expected = SmallController.decisions cycle intervals
        let kept = entries journal |> Seq.map _.Decision |> List.ofSeq
        Expect.equal kept expected "the journal"
        Expect.isTrue (kept |> List.exists _.Contains("\"change\"")) "the change is noticed"

        for number in 0 .. intervals.Length do
            let next = intervals |> Seq.skip number |> Seq.truncate 2

            Expect.equal
                (SmallController.decisionsFrom cycle (stateAt cycle journal number) next)
                (expected |> List.skip number |> List.truncate 2)
                $"from cycle {number}")

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
                            (interval
                             |> Intervals.ending (Intervals.beginning + TimeSpan.FromMilliseconds(float next)))
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
        let options = SmallController.options refitEvery |> SmallController.inRealTime
        let cycle = SmallController.start options

        let counts =
            SmallController.run (SmallController.service cycle [] |> SmallController.withJournal journal) (live 160)

        Expect.equal counts.Decisions 160L "all of them"
        Expect.isGreaterThan counts.Refits 2L "models were fitted"
        Expect.isTrue (journal.Models 0 |> Seq.exists (fun m -> m.InstalledAt > m.FittedAt)) "beside"

        for kept in entries journal do
            let interval = Intervals.read kept.Interval |> Result.mapError _.Reason |> orFail

            let again =
                SmallController.input interval
                |> Cycle.step cycle (stateAt cycle journal kept.Cycle)

            match SmallController.decided [ again.Decided ] with
            | [ decision ] ->
                let record = decision.Record
                Expect.equal (record.QFactor, record.BaseQFactor) (qFactorsOf kept.Decision) $"cycle {kept.Cycle}"

                let alternatives =
                    Replay.estimated cycle Intervals.system journal kept.Cycle
                    |> orFail
                    |> Adapt.alternatives options cycle.Key
                    |> Result.mapError string
                    |> orFail

                match record.QFactor with
                | ValueSome best ->
                    Expect.equal (alternatives |> Array.map _.QFactor |> Array.max) best "explained as it was"
                | ValueNone -> ()
            | other -> failtest $"{other}")

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

        member _.ReadBackAsync _ = ValueTask<Configuration> configuration
    }

/// A source, begun after what a journal holds, and where its decisions go besides.
[<RequireQualifiedAccess>]
type private Begun =
    | Open of Pull
    | Closed of (CancellationToken -> unit -> Task<Arrival voption>) * IEnvironment

let private count = 40

let private position (journal: Journal) =
    match journal.Entries(journal.LastCycle, journal.LastCycle) |> Seq.tryHead with
    | Some entry -> entry.Position + 1L
    | None -> 0L

let private lineSource _ (_: Journal) =
    intervals
    |> Seq.truncate count
    |> Seq.map Intervals.line
    |> SmallController.lines
    |> Begun.Open

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

    TraceSource.create
        reader
        (position journal)
        Clock.Lockstep
        Pace.Unlimited
        (TimeSpan.FromSeconds 5.0)
        TimeProvider.System
    |> Begun.Open

let private simulation _ (journal: Journal) =
    let environment = simulated ()

    let earlier =
        entries journal
        |> Seq.map (fun entry ->
            let decision = Kept.outgoingOf Intervals.system entry.Cycle entry.Decision |> orFail

            struct (entry.Position, decision))

    (EnvironmentSource.rewind environment earlier).GetAwaiter().GetResult()
    |> orFail

    Begun.Closed(
        EnvironmentSource.create
            environment
            (position journal)
            (int64 count)
            Clock.Lockstep
            Pace.Unlimited
            (TimeSpan.FromSeconds 5.0)
            TimeProvider.System,
        environment
    )

/// Runs until so many decisions are delivered, then stops at once. What was delivered, by key.
let private runOnce cycle begin' folder (delivered: Dictionary<string, string>) stopAfter =
    use journal = SmallController.openJournal (Path.Combine(folder, "j.db"))
    use stop = new CancellationTokenSource()
    let begun: Begun = begin' folder journal
    let mutable now = 0

    let deliver =
        Sink.each (fun decided ->
            let decision = decided.Outgoing

            match delivered.TryGetValue decision.IdempotencyKey with
            | true, text -> Expect.equal decision.Text text "the same under the same key"
            | false, _ -> delivered[decision.IdempotencyKey] <- decision.Text

            now <- now + 1

            if now = stopAfter then
                stop.Cancel()

            Task.CompletedTask)

    let options =
        SmallController.service cycle [ deliver ] |> SmallController.withJournal journal

    let start = stateAt cycle journal (journal.LastCycle + 1)

    let running =
        match begun with
        | Begun.Open pull -> SmallController.runUntil stop.Token options start pull
        | Begun.Closed(observe, environment) -> SmallController.runWith options start (observe stop.Token) environment

    running.GetAwaiter().GetResult() |> ignore
    journal.LastCycle + 1

let private resumed mode begin' =
    let cycle =
        SmallController.start
            { SmallController.options 3 with
                Mode = mode
            }

    let run stops =
        Scratch.withFolder (fun folder ->
            let delivered = Dictionary<string, string>()
            let mutable cycles = 0

            for stop in stops do
                cycles <- runOnce cycle begin' folder delivered stop

            cycles <- runOnce cycle begin' folder delivered Int32.MaxValue
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
