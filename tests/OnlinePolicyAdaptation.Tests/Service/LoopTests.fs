module OnlinePolicyAdaptation.Tests.Service.Loop

open System
open System.IO
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// The load at which the base policy of `poisonable` fails.
let private poison = 65.0

let private poisonable options =
    options
    |> SmallController.withPolicy (fun state ->
        if state.OfferedLoads[0].PerSecond = poison then
            invalidOp "an unknown load")

let private withLoad load (interval: Interval) =
    let mean = interval.Services[0].MeanResponseTime

    { interval with
        Services = TwoNodes.array [ ServiceMetrics(RequestRate load, RequestRate load, mean) ]
    }

// --- Bad elements

/// A bad element after some good ones, of which this is the last, and its kind.
let private bad kind (last: Interval option) =
    let fresh: Interval =
        match last with
        | Some last ->
            { last with
                Time = last.Time + TimeSpan.FromSeconds 1.0
            }
        | None -> Intervals.at -1 (TwoNodes.configuration 1.0 5.0) 0.09

    let line = Intervals.line fresh

    match kind, last with
    | 0, _ -> "unparsable", line.Substring(0, line.Length - 1)
    | 1, _ -> "unparsable", "{\"element\":\"ü\\n\"} \"\\"
    | 2, _ -> "badValue", line.Replace("\"carriedLoad\"", "\"carried\"")
    | 3, _ -> "unknownName", line.Replace("\"s\":{", "\"t\":{")
    | 4, _ -> "impossibleConfiguration", line.Replace("\"c1\":", "\"c1\":0.25")
    | 5, Some last -> "duplicate", Intervals.line last
    | 6, Some last ->
        "backwards",
        Intervals.line
            { last with
                Time = last.Time - TimeSpan.FromSeconds 1.0
            }
    | 7, _ -> "poisonous", Intervals.line (withLoad poison fresh)
    | _ -> "badValue", "{}"

/// Good intervals, with bad elements before the one of a number, of these kinds.
let private mixed (intervals: Interval[]) (kinds: (int * int) list) =
    [
        for n in 0 .. intervals.Length do
            let last = if n = 0 then None else Some intervals[n - 1]

            for at, kind in kinds do
                if at % (intervals.Length + 1) = n then
                    let kind, line = bad kind last
                    yield line, Some kind

            if n < intervals.Length then
                yield Intervals.line intervals[n], None
    ]

let private quarantined path =
    if File.Exists path then
        [
            for line in File.ReadAllLines path do
                use document = JsonDocument.Parse line
                let field (name: string) = document.RootElement.GetProperty name
                string (field("kind").GetString()), string (field("element").GetString()), field("position").GetInt64()
        ]
    else
        []

let private undisturbed (kinds: (int * int) list) =
    Scratch.withFolder (fun folder ->
        let path = Path.Combine(folder, "quarantine.ndjson")
        let options = poisonable (SmallController.options 3)
        let good = Intervals.recorded 25 15
        let elements = mixed good kinds
        let sent = ResizeArray<Outgoing>()

        let counts =
            use quarantine = new Quarantine(path)

            SmallController.run
                { SmallController.loop options (SmallController.into sent) with
                    Quarantine = ValueSome quarantine
                }
                (SmallController.start options)
                (SmallController.lines (List.map fst elements))

        let expected =
            [
                for position, (line, kind) in List.indexed elements do
                    match kind with
                    | Some kind -> kind, line, int64 position
                    | None -> ()
            ]

        Expect.equal
            (SmallController.texts sent)
            (SmallController.decisions options (SmallController.start options) good)
            "the decisions of the good ones alone"

        Expect.equal (quarantined path) expected "each once, as it came"
        Expect.equal counts.Quarantined (int64 expected.Length) "counted")

// --- Trouble

/// A clock that stands still, this long after `Intervals.beginning`; waiting is as ever.
let private stopped (since: TimeSpan) =
    { new TimeProvider() with
        override _.GetUtcNow() = Intervals.beginning + since
    }

let private realTime options =
    { SmallController.loop options (fun _ _ -> Task.FromResult []) with
        Clock = Clock.RealTime
        Time = stopped TimeSpan.Zero
    }

/// The decisions of a loop, and its counts.
let private decided loop pull =
    let decisions = ResizeArray<Decision>()

    let counts =
        SmallController.run
            { loop with
                Watch =
                    { loop.Watch with
                        Decided = fun decision _ -> decisions.Add decision
                    }
            }
            (SmallController.start loop.Controller)
            pull

    List.ofSeq decisions, counts

let private rules (decisions: Decision list) = decisions |> List.map _.Rules

let private withGuard change (options: ControllerOptions) =
    { options with
        Guard = change options.Guard
    }

let private whereOutdated () =
    let options =
        SmallController.options 100
        |> withGuard (fun guard ->
            { guard with
                MaximumAge = TimeSpan.FromSeconds 12.0
            })

    let decisions, _ =
        decided
            { realTime options with
                Time = stopped (TimeSpan.FromSeconds 20.0)
            }
            (SmallController.source (Intervals.recorded 6 6))

    let stale (age: float) =
        [ GuardRule.Stale(TimeSpan.FromSeconds age) ]

    Expect.equal (rules decisions) [ stale 20.0; stale 15.0; []; []; []; [] ] "by their age"

    for decision in decisions |> List.truncate 2 do
        Expect.isTrue decision.Action.IsKeep "held"
        Expect.equal decision.Author Author.Nobody "nobody"

let private wherePlanningIsLate () =
    use released = new ManualResetEventSlim(false)
    let evaluations = ref 0

    // The first plan evaluates the base policy until it is released, long after its deadline.
    let options =
        SmallController.options 100
        |> SmallController.withPolicy (fun _ ->
            if Interlocked.Increment evaluations = 1 then
                released.Wait())

    let intervals = Intervals.recorded 5 5
    use isThird = new SemaphoreSlim(0)

    let pull: Pull =
        let mutable next = -1

        fun cancellation ->
            task {
                next <- next + 1

                if next = 3 then
                    do! isThird.WaitAsync cancellation
                    released.Set()
                    do! Task.Delay 200

                return
                    if next < intervals.Length then
                        [| SmallController.arrival (int64 next) intervals[next] |]
                    else
                        [||]
            }

    let loop = realTime options

    let decisions, _ =
        decided
            { loop with
                Deadline = TimeSpan.FromMilliseconds 100.0
                Deliver =
                    fun sent _ ->
                        if sent[0].Cycle = 2 then
                            isThird.Release() |> ignore

                        Task.FromResult []
            }
            pull

    let late = [ GuardRule.MissedDeadline ]
    Expect.equal (rules decisions) [ late; late; late; []; [] ] "while a plan is late, the base policy acts"

    for decision in decisions |> List.truncate 3 do
        Expect.equal decision.Author Author.BasePolicy "base policy"
        Expect.equal decision.Action decision.Record.BaseAction "its action"

let private whereFromTheFuture () =
    let early (seconds: float) =
        { Intervals.at 0 (TwoNodes.configuration 1.0 5.0) 0.09 with
            Time = Intervals.beginning + TimeSpan.FromSeconds seconds
        }

    let faults = ResizeArray<Fault>()
    let loop = realTime (SmallController.options 100)

    let decisions, counts =
        decided
            { loop with
                Watch =
                    { loop.Watch with
                        Quarantined = faults.Add
                    }
            }
            (SmallController.source [ early 61.0; early 59.0 ])

    Expect.equal decisions.Length 1 "a minute is as good as now"
    Expect.equal (faults |> Seq.map _.Kind |> List.ofSeq) [ FaultKind.FromTheFuture ] "later is not"
    Expect.equal counts.Quarantined 1L "counted"

/// Runs the stream and counts the groups that its source was asked for while nothing could be delivered.
let private whereDeliveryIsSlow () =
    use released = new SemaphoreSlim(0)
    let mutable pulled = 0
    let intervals = Intervals.recorded 400 400

    let pull: Pull =
        fun _ ->
            let n = Interlocked.Increment &pulled - 1

            Task.FromResult(
                if n < intervals.Length then
                    [| SmallController.arrival (int64 n) intervals[n] |]
                else
                    [||]
            )

    let options = SmallController.options 1000

    let deliver: Deliver =
        fun _ cancellation ->
            task {
                do! released.WaitAsync cancellation
                return []
            }

    let running =
        SmallController.runUntil
            CancellationToken.None
            false
            (SmallController.loop options deliver)
            (SmallController.start options)
            pull

    Thread.Sleep 300
    let held = pulled
    Thread.Sleep 200
    Expect.equal pulled held "nothing more is asked for"
    Expect.isLessThanOrEqual held 30 "a few groups are read ahead"
    released.Release intervals.Length |> ignore
    let counts = running.GetAwaiter().GetResult()
    Expect.equal counts.Decisions (int64 intervals.Length) "then all of them"

let private whereShadowed () =
    let mutable applied = 0
    let mutable configuration = TwoNodes.configuration 1.0 5.0

    let environment =
        { new OnlinePolicyAdaptation.Domain.Environments.IEnvironment with
            member _.ObserveAsync _ =
                let seconds = TwoNodes.responseTime 0.08 configuration
                ValueTask<Metrics>(TwoNodes.metrics 0 configuration (ValueSome seconds))

            member _.ApplyAsync(next, _) =
                applied <- applied + 1
                configuration <- next
                ValueTask.CompletedTask
        }

    let run mode =
        applied <- 0

        let options =
            { SmallController.options 1 with
                Mode = mode
            }

        let sent = ResizeArray<Outgoing>()
        let sink = Sink.all [ SmallController.into sent; Sink.environment environment ]

        let pull =
            EnvironmentSource.create
                environment
                0L
                12L
                Clock.Lockstep
                Pace.Unlimited
                (TimeSpan.FromSeconds 5.0)
                TimeProvider.System

        let counts =
            (SmallController.runUntil
                CancellationToken.None
                true
                (SmallController.loop options sink)
                (SmallController.start options)
                pull)
                .GetAwaiter()
                .GetResult()

        Expect.equal counts.Decisions 12L "each interval"
        sent

    let shadow = run Mode.Shadow
    Expect.equal applied 0 "nothing is done"
    Expect.isTrue (shadow |> Seq.exists (fun sent -> not sent.Action.IsKeep)) "though something is decided"
    run Mode.Act |> ignore
    Expect.equal applied 12 "in mode act it is"

/// The first action's delivery is cut off by the end of the work.
let private whereDeliveryIsCutOff () =
    Scratch.withFolder (fun folder ->
        use stop = new CancellationTokenSource()
        use journal = SmallController.openJournal (Path.Combine(folder, "j.db"))
        let options = SmallController.options 1000
        let delivered = ResizeArray<int>()

        let deliver: Deliver =
            fun sent cancellation ->
                task {
                    for decision in sent do
                        if decision.Cycle = 2 then
                            stop.Cancel()
                            do! Task.Delay(Timeout.Infinite, cancellation)

                        // A sink that has nothing to do for a decision asks for no token.
                        delivered.Add decision.Cycle

                    return []
                }

        let pull: Pull =
            let intervals = Intervals.recorded 10 10
            let mutable next = -1

            fun cancellation ->
                task {
                    next <- next + 1

                    if next = intervals.Length then
                        do! Task.Delay(Timeout.Infinite, cancellation)

                    return [| SmallController.arrival (int64 next) intervals[next] |]
                }

        let counts =
            (SmallController.runUntil
                stop.Token
                false
                { SmallController.loop options deliver with
                    Journal = ValueSome journal
                }
                (SmallController.start options)
                pull)
                .GetAwaiter()
                .GetResult()

        Expect.isGreaterThan counts.Decisions 3L "what was read ahead is decided on"
        Expect.equal (List.ofSeq delivered) [ 0; 1 ] "nothing overtakes what could not be delivered"
        Expect.equal journal.LastCycle (int counts.Decisions - 1) "all is kept"
        Expect.equal journal.Delivered 1 "so the rest is delivered after the next start")

/// The plan after the first refit beside fails, for a configuration that is never in force; later ones do not.
let private whereARefitFails () =
    let intervals = Intervals.recorded 40 40

    let unseen =
        TwoNodes.configurations
        |> List.except (intervals |> Seq.truncate 10 |> Seq.map _.Configuration)
        |> List.head

    let mutable isArmed = false
    let mutable failures = 0

    let options =
        SmallController.options 5
        |> SmallController.withPolicy (fun state ->
            if isArmed && state.Configuration = unseen then
                isArmed <- false
                failures <- failures + 1
                invalidOp "no policy")

    let mutable refits = 0
    let patience = System.Diagnostics.Stopwatch.StartNew()

    let pull: Pull =
        let mutable next = -1

        fun _ ->
            task {
                next <- next + 1
                do! Task.Delay 5

                return
                    if refits < 3 && patience.Elapsed < TimeSpan.FromSeconds 20.0 then
                        let interval = intervals[next % intervals.Length]

                        [|
                            SmallController.arrival
                                (int64 next)
                                { interval with
                                    Time = Intervals.beginning + TimeSpan.FromMilliseconds(float next)
                                }
                        |]
                    else
                        [||]
            }

    let loop = realTime options

    let _, counts =
        decided
            { loop with
                Watch =
                    { loop.Watch with
                        Refitted = fun _ -> refits <- refits + 1
                    }
                Deliver =
                    fun sent _ ->
                        if sent[0].Cycle = 0 then
                            isArmed <- true

                        Task.FromResult []
            }
            pull

    Expect.equal failures 1 "a plan failed"
    Expect.isGreaterThanOrEqual counts.Refits 3L "refits go on"
    Expect.equal counts.Quarantined 0L "so do decisions"

[<Tests>]
let tests =
    testList
        "Service.Loop"
        [
            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 40
                }
                "bad elements of all kinds anywhere change no decision, and each is quarantined once"
                (Prop.forAll (Arb.fromGen (Gen.listOf (Gen.zip (Gen.choose (0, 25)) (Gen.choose (0, 8))))) undisturbed)

            testCase "in real time metrics that are too old are not acted on" whereOutdated
            testCase "in real time the base policy acts where a plan misses its deadline" wherePlanningIsLate
            testCase "in real time an interval that is not over yet is quarantined" whereFromTheFuture
            testCase "a slow sink holds the source back" whereDeliveryIsSlow
            testCase "in shadow mode nothing is done" whereShadowed
            testCase "what follows a delivery that was cut off is delivered after it" whereDeliveryIsCutOff
            testCase "a refit that fails beside is not the last" whereARefitFails
        ]
