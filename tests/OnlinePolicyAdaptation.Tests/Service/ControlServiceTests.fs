module OnlinePolicyAdaptation.Tests.Service.ControlService

open System
open System.IO
open System.Text.Json
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

// --- Bad elements

/// What becomes of an element that is not decided on.
[<RequireQualifiedAccess>]
type private Passed =
    | Quarantined of kind: string
    | Known

/// A bad element after some good ones, of which this is the last, and what is to become of it.
let private bad kind (good: Interval list) =
    let last = List.tryLast good

    let fresh: Interval =
        match last with
        | Some last -> last |> Intervals.ending (last.Time + TimeSpan.FromSeconds 1.0)
        | None -> Intervals.at -1 (TwoNodes.configuration 1.0 5.0) 0.09

    let line = Intervals.line fresh

    match kind, last with
    | 0, _ -> Passed.Quarantined "unparsable", line.Substring(0, line.Length - 1)
    | 1, _ -> Passed.Quarantined "unparsable", "{\"element\":\"ü\\n\"} \"\\"
    | 2, _ -> Passed.Quarantined "badValue", line.Replace("\"carriedLoad\"", "\"carried\"")
    | 3, _ -> Passed.Quarantined "unknownName", line.Replace("\"s\":{", "\"t\":{")
    | 4, _ -> Passed.Quarantined "impossibleConfiguration", line.Replace("\"c1\":", "\"c1\":0.25")
    | 5, Some last -> Passed.Known, Intervals.line last
    | 6, Some last ->
        Passed.Quarantined "backwards", Intervals.line (last |> Intervals.ending (last.Time - TimeSpan.FromSeconds 1.0))
    | 7, Some _ -> Passed.Known, Intervals.line good[good.Length / 2]
    | _ -> Passed.Quarantined "badValue", "{}"

/// Good intervals, with bad elements before the one of a number, of these kinds.
let private mixed (intervals: Interval list) (kinds: (int * int) list) =
    [
        for n in 0 .. intervals.Length do
            for at, kind in kinds do
                if at % (intervals.Length + 1) = n then
                    let passed, line = bad kind (List.truncate n intervals)
                    yield line, Some passed

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
        let cycle = SmallController.start (SmallController.options 3)
        let good = Intervals.recorded 25 15 |> List.ofArray
        let elements = mixed good kinds
        let sent = ResizeArray<Outgoing>()

        let counts =
            use quarantine = new Quarantine(path)

            let options =
                SmallController.service cycle [ SmallController.into sent ]
                |> SmallController.journaling (fun options ->
                    { options with
                        Quarantine = ValueSome quarantine
                    })

            SmallController.run options (SmallController.lines (List.map fst elements))

        let expected =
            [
                for position, (line, passed) in List.indexed elements do
                    match passed with
                    | Some(Passed.Quarantined kind) -> kind, line, int64 position
                    | Some Passed.Known
                    | None -> ()
            ]

        let known = elements |> List.filter (fun (_, passed) -> passed = Some Passed.Known)

        Expect.equal
            (SmallController.texts sent)
            (SmallController.decisions cycle good)
            "the decisions of the good ones alone"

        Expect.equal (quarantined path) expected "each once, as it came"

        Expect.equal
            counts
            {
                Decisions = int64 good.Length
                Refits = counts.Refits
                Quarantined = int64 expected.Length
                AlreadyKnown = int64 known.Length
            }
            "counted")

// --- Trouble

/// A clock that stands still, this long after `Intervals.beginning`; waiting is as ever.
let private stopped (since: TimeSpan) =
    { new TimeProvider() with
        override _.GetUtcNow() = Intervals.beginning + since
    }

/// At this time, which does not pass.
let private atTime since =
    SmallController.journaling (fun options -> { options with Time = stopped since })

/// A controller in real time.
let private realTime options sinks =
    SmallController.service (SmallController.start (SmallController.inRealTime options)) sinks
    |> atTime TimeSpan.Zero

/// Late enough that no interval is from the future.
let private late = TimeSpan.FromHours 1.0

/// The decisions of a controller, and its counts.
let private decided options pull =
    let decisions = ResizeArray<Decision>()

    let counts =
        SmallController.run
            (options
             |> SmallController.watched (fun watch ->
                 { watch with
                     Decided =
                         fun decision latency passing ->
                             watch.Decided decision latency passing
                             decisions.Add decision
                 }))
            pull

    List.ofSeq decisions, counts

/// Calls a function with the number of each cycle that has been decided on.
let private whenDecided call =
    Sink.each (fun decided ->
        call decided.Taken.Cycle
        Task.CompletedTask)

let private rules (decisions: Decision list) = decisions |> List.map _.Rules

let private fired rule =
    {
        Rule = rule
        Control = ValueNone
        Measured = ValueNone
    }

let private withGuard change (options: ControllerSettings) =
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
            (realTime options [] |> atTime (TimeSpan.FromSeconds 20.0))
            (SmallController.source (Intervals.recorded 6 6))

    let stale (age: float) =
        [
            { fired "stale" with
                Measured = ValueSome(struct ("ageSeconds", age))
            }
        ]

    Expect.equal (rules decisions) [ stale 20.0; stale 15.0; []; []; []; [] ] "by their age"

    for decision in decisions |> List.truncate 2 do
        Expect.isTrue decision.Action.IsKeep "held"
        Expect.equal decision.By DecidedBy.Nobody "nobody"

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

    let sink =
        whenDecided (fun cycle ->
            if cycle = 2 then
                isThird.Release() |> ignore)

    let decisions, _ =
        decided
            { realTime options [ sink ] with
                Deadline = TimeSpan.FromMilliseconds 100.0
            }
            pull

    let missed = [ fired "missedDeadline" ]
    Expect.equal (rules decisions) [ missed; missed; missed; []; [] ] "while a plan is late, the base policy acts"

    for decision in decisions |> List.truncate 3 do
        Expect.equal decision.By DecidedBy.BasePolicy "base policy"
        Expect.equal decision.Action decision.Record.BaseAction "its action"

let private whereFromTheFuture () =
    let early (seconds: float) =
        Intervals.at 0 (TwoNodes.configuration 1.0 5.0) 0.09
        |> Intervals.ending (Intervals.beginning + TimeSpan.FromSeconds seconds)

    let faults = ResizeArray<Fault>()

    let decisions, counts =
        decided
            (realTime (SmallController.options 100) []
             |> SmallController.watched (fun watch -> { watch with Quarantined = faults.Add }))
            (SmallController.source [ early 61.0; early 59.0 ])

    Expect.equal decisions.Length 1 "a minute is as good as now"
    Expect.equal (faults |> Seq.map _.Kind |> List.ofSeq) [ FaultKind.FromTheFuture ] "later is not"
    Expect.equal counts.Quarantined 1L "counted"

/// Runs the stream and counts the elements that its source was asked for while nothing could be delivered.
let private whereDeliveryIsSlow () =
    use released = new SemaphoreSlim(0)
    let mutable pulled = 0
    let intervals = Intervals.recorded 3000 3000

    let pull: Pull =
        fun _ ->
            let n = Interlocked.Increment &pulled - 1

            Task.FromResult(
                if n < intervals.Length then
                    [| SmallController.arrival (int64 n) intervals[n] |]
                else
                    [||]
            )

    let sink = Sink.each (fun _ -> released.WaitAsync())

    let running =
        SmallController.runUntil
            CancellationToken.None
            (SmallController.service (SmallController.start (SmallController.options 100_000)) [ sink ])
            (Cycle.start (SmallController.start (SmallController.options 100_000)))
            pull

    let mutable held = -1

    while held <> pulled do
        held <- pulled
        Thread.Sleep 500

    Expect.isLessThanOrEqual held 800 "what goes into a transaction or two is read ahead, and no more"
    released.Release intervals.Length |> ignore
    let counts = running.GetAwaiter().GetResult()
    Expect.equal counts.Decisions (int64 intervals.Length) "then all of them"

let private whereShadowed () =
    let mutable applied = 0
    let mutable configuration = TwoNodes.configuration 1.0 5.0

    let environment =
        { new IEnvironment with
            member _.ObserveAsync _ =
                let seconds = TwoNodes.responseTime 0.08 configuration
                ValueTask<Metrics>(TwoNodes.metrics 0 configuration (ValueSome seconds))

            member _.ApplyAsync(next, _) =
                applied <- applied + 1
                configuration <- next
                ValueTask.CompletedTask

            member _.ReadBackAsync _ = ValueTask<Configuration> configuration
        }

    let run mode =
        applied <- 0

        let cycle =
            SmallController.start
                { SmallController.options 1 with
                    Mode = mode
                }

        let sent = ResizeArray<Outgoing>()

        let observe =
            EnvironmentSource.create
                environment
                0L
                12L
                Clock.Lockstep
                Pace.Unlimited
                (TimeSpan.FromSeconds 5.0)
                TimeProvider.System
                CancellationToken.None

        let counts =
            (SmallController.runWith
                (SmallController.service cycle [ SmallController.into sent ])
                (Cycle.start cycle)
                observe
                environment)
                .GetAwaiter()
                .GetResult()

        Expect.equal counts.Decisions 12L "each interval"
        sent

    let shadow = run Mode.Shadow
    Expect.equal applied 0 "nothing is done"
    Expect.isTrue (shadow |> Seq.exists (fun sent -> not sent.Action.IsKeep)) "though something is decided"
    run Mode.Act |> ignore
    Expect.equal applied 12 "in mode act it is"

/// What became of decisions at a receiver: each with its fate, in the order of their cycles.
type private Fates() =
    let fates = System.Collections.Concurrent.ConcurrentQueue<int * Fate>()
    member _.Record (sent: Outgoing) (fate: Fate) (_: string) = fates.Enqueue(sent.Cycle, fate)
    member _.All = fates |> Seq.sortBy fst |> List.ofSeq

let private receiving clock giveUp (fates: Fates) receiver : Sink.ReceiverOptions =
    {
        Receiver = receiver
        Clock = clock
        MaximumAge = TimeSpan.MaxValue
        Time = stopped late
        Record = fates.Record
        GiveUp = giveUp
    }

/// A delivery never ends, until the end of the work cuts it off.
let private whereDeliveryIsCutOff () =
    Scratch.withFolder (fun folder ->
        use stop = new CancellationTokenSource()
        use giveUp = new CancellationTokenSource()
        use journal = SmallController.openJournal (Path.Combine(folder, "j.db"))
        let cycle = SmallController.start (SmallController.options 1000)
        let fates = Fates()
        let delivered = ResizeArray<int>()

        let receiver: Sink.Receiver =
            fun sent _ cancellation ->
                task {
                    if sent.Cycle >= 2 then
                        stop.Cancel()
                        giveUp.CancelAfter 100
                        do! Task.Delay(Timeout.Infinite, cancellation)

                    delivered.Add sent.Cycle
                    return Delivery.Delivered
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
                (SmallController.service
                    cycle
                    [ Sink.receiver (receiving Clock.Lockstep giveUp.Token fates receiver) [||] ]
                 |> SmallController.withJournal journal)
                (Cycle.start cycle)
                pull)
                .GetAwaiter()
                .GetResult()

        Expect.isGreaterThanOrEqual counts.Decisions 3L "what was read ahead is decided on"
        Expect.equal journal.LastCycle (int counts.Decisions - 1) "all is kept"
        Expect.isTrue (delivered |> Seq.forall (fun cycle -> cycle < 2)) "the rest was cut off"

        let open' =
            [ 0 .. int counts.Decisions - 1 ] |> List.except (fates.All |> List.map fst)

        Expect.isNonEmpty open' "what was cut off has no fate yet, so it is sent again"
        Expect.isTrue (open' |> List.forall (fun cycle -> cycle >= 2)) "and nothing else"
        Expect.isTrue (fates.All |> List.forall (fun (_, fate) -> fate = Fate.Delivered)) "nothing has failed")

/// While one delivery takes its time, newer decisions come: in real time the last of them goes next.
let private whereNewerDecisionsCome clock =
    use released = new SemaphoreSlim(0)
    let delivered = System.Collections.Concurrent.ConcurrentQueue<int>()
    let fates = Fates()
    let intervals = Intervals.recorded 40 40

    let cycle =
        SmallController.start
            { SmallController.options 1000 with
                Clock = clock
            }

    let receiver: Sink.Receiver =
        fun sent stillWanted _ ->
            task {
                if delivered.IsEmpty then
                    do! released.WaitAsync()

                match stillWanted () with
                | Ok() ->
                    delivered.Enqueue sent.Cycle
                    return Delivery.Delivered
                | Error reason -> return Delivery.Withdrawn reason
            }

    let last =
        whenDecided (fun cycle ->
            if cycle = intervals.Length - 1 then
                released.Release intervals.Length |> ignore)

    let running =
        SmallController.runUntil
            CancellationToken.None
            (SmallController.service
                cycle
                [
                    last
                    Sink.receiver (receiving clock CancellationToken.None fates receiver) [||]
                ]
             |> atTime late)
            (Cycle.start cycle)
            (SmallController.source intervals)

    // In lockstep the source waits for the receiver, so that the last decision does not come by itself.
    if clock = Clock.Lockstep then
        released.Release intervals.Length |> ignore

    running.GetAwaiter().GetResult() |> ignore
    List.ofSeq delivered, fates.All

let private moving =
    Intervals.recorded 40 40
    |> SmallController.decisions (SmallController.start (SmallController.options 1000))
    |> List.indexed
    |> List.filter (fun (_, text) ->
        match DecisionJson.wentOut Intervals.system text with
        | Ok wentOut -> not wentOut.Action.IsKeep
        | Error message -> failtest message)
    |> List.map fst

let private whereDecisionsAreSuperseded () =
    let delivered, fates = whereNewerDecisionsCome Clock.RealTime
    let superseded = fates |> List.filter (fun (_, fate) -> fate = Fate.Superseded)
    Expect.isGreaterThan superseded.Length 20 "those that came meanwhile"
    Expect.equal (List.map fst fates) [ 0..39 ] "each has a fate, once"

    Expect.isFalse (List.contains moving.Head delivered) "what was about to be sent when a newer one came is not"

    for cycle in delivered do
        Expect.contains moving cycle "only what moves something is sent"

    Expect.equal
        delivered
        [
            for cycle, fate in fates do
                if fate = Fate.Delivered && List.contains cycle moving then
                    cycle
        ]
        "in order"

let private whereEachIsDelivered () =
    let delivered, fates = whereNewerDecisionsCome Clock.Lockstep
    Expect.equal delivered moving "every action, in order"
    Expect.equal fates [ for cycle in 0..39 -> cycle, Fate.Delivered ] "none is superseded"

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
                                (interval
                                 |> Intervals.ending (Intervals.beginning + TimeSpan.FromMilliseconds(float next)))
                        |]
                    else
                        [||]
            }

    let mutable refitFailures = 0

    let sink =
        whenDecided (fun cycle ->
            if cycle = 0 then
                isArmed <- true)

    let _, counts =
        decided
            (realTime options [ sink ]
             |> SmallController.watched (fun watch ->
                 { watch with
                     Refitted = fun _ -> refits <- refits + 1
                     RefitFailed = fun _ -> refitFailures <- refitFailures + 1
                 }))
            pull

    Expect.equal refitFailures 1 "said"
    Expect.equal failures 1 "a plan failed"
    Expect.isGreaterThanOrEqual counts.Refits 3L "refits go on"
    Expect.equal counts.Quarantined 0L "so do decisions"

// --- A stage that fails

/// The load at which the base policy of `poisonable` fails.
let private poison = 65.0

let private poisonable options =
    options
    |> SmallController.withPolicy (fun state ->
        if state.OfferedLoads[0].PerSecond = poison then
            invalidOp "an unknown load")

let private withLoad load (interval: Interval) =
    let mean = interval.Services[0].MeanResponseTime

    interval
    |> Intervals.measuring [ ServiceMetrics(RequestRate load, RequestRate load, mean) ]

/// Poison in place of some intervals, and what is expected of the decisions on it.
let private poisoned (intervals: Interval[]) (places: int list) =
    intervals
    |> Array.mapi (fun n interval ->
        if List.contains n places then
            withLoad poison interval
        else
            interval)

let private expectHolds (decisions: Decision list) count (places: int list) =
    Expect.equal (decisions |> List.map _.Record.Cycle) [ 0 .. count - 1 ] "each interval, in order"

    for decision in decisions do
        let hasFailed =
            decision.Record.Errors = [ CycleError.StageFailed("adapt", "an unknown load") ]

        if List.contains decision.Record.Cycle places then
            Expect.isTrue hasFailed $"said: {decision.Record.Errors}"
            Expect.isTrue decision.Action.IsKeep "held"
            Expect.equal decision.Target decision.Record.Metrics.Configuration "held"
            Expect.equal decision.By DecidedBy.Nobody "by nobody"
        else
            Expect.isEmpty decision.Record.Errors "the next ones are decided on"
            Expect.equal decision.By DecidedBy.Rollout "by rollout"

let private places = [ 0; 7; 8; 19 ]

let private whereAStageFails () =
    let intervals = poisoned (Intervals.recorded 20 20) places

    let decisions, counts =
        decided
            (SmallController.service (SmallController.start (poisonable (SmallController.options 3))) [])
            (SmallController.source intervals)

    expectHolds decisions 20 places
    Expect.equal (counts.Decisions, counts.Quarantined) (20L, 0L) "nothing is lost"

let private whereAStageFailsInRealTime () =
    let intervals = poisoned (Intervals.recorded 20 20) places

    let decisions, counts =
        decided (realTime (poisonable (SmallController.options 3)) [] |> atTime late) (SmallController.source intervals)

    expectHolds decisions 20 places
    Expect.equal (counts.Decisions, counts.Quarantined) (20L, 0L) "nothing is lost"

let private whereAStageFailsInClosedLoop () =
    let mutable interval = 0
    let applied = ResizeArray<Configuration>()
    let mutable configuration = TwoNodes.configuration 1.0 5.0

    let environment =
        { new IEnvironment with
            member _.ObserveAsync _ =
                let load = if List.contains interval places then poison else 5.0
                let seconds = ResponseTime(TwoNodes.responseTime 0.08 configuration)
                let service = ServiceMetrics(RequestRate load, RequestRate load, seconds)
                interval <- interval + 1
                ValueTask<Metrics>(Metrics(0L, configuration, TwoNodes.array [ service ]))

            member _.ApplyAsync(next, _) =
                applied.Add next
                configuration <- next
                ValueTask.CompletedTask

            member _.ReadBackAsync _ = ValueTask<Configuration> configuration
        }

    let decisions = ResizeArray<Decision>()
    let cycle = SmallController.start (poisonable (SmallController.options 3))

    let observe =
        EnvironmentSource.create
            environment
            0L
            20L
            Clock.Lockstep
            Pace.Unlimited
            (TimeSpan.FromSeconds 5.0)
            TimeProvider.System
            CancellationToken.None

    let counts =
        (SmallController.runWith
            (SmallController.service cycle []
             |> SmallController.watched (fun watch ->
                 { watch with
                     Decided = fun decision _ _ -> decisions.Add decision
                 }))
            (Cycle.start cycle)
            observe
            environment)
            .WaitAsync(TimeSpan.FromSeconds 60.0)
            .GetAwaiter()
            .GetResult()

    expectHolds (List.ofSeq decisions) 20 places
    Expect.equal counts.Decisions 20L "the circulating element is not lost"
    Expect.equal (applied |> List.ofSeq) (decisions |> Seq.map _.Target |> List.ofSeq) "each is acted on"

/// Any input on which a stage fails leaves every stage's state but the monitor's as it was.
let private whereAStageFailsNothingElseHappens () =
    let cycle = SmallController.start (poisonable (SmallController.options 100))
    let intervals = Intervals.recorded 10 10

    let _, before =
        SmallController.steps cycle (Cycle.start cycle) (intervals |> Seq.truncate 5 |> Seq.map SmallController.input)

    let poisoned = SmallController.input (withLoad poison intervals[5])
    let after = (Cycle.step cycle before poisoned).State

    let guard state : GuardState = Cycle.find cycle "guard" state
    let plans state : Plans = Cycle.find cycle "adapt" state
    Expect.equal (guard after) (guard before) "the guard has let nothing through"
    Expect.isTrue (obj.ReferenceEquals(plans after, plans before)) "no plan was kept"
    Expect.equal (Cycle.number cycle after) 6 "the interval counts"

[<Tests>]
let tests =
    testList
        "Service.ControlService"
        [
            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 40
                }
                "bad elements of all kinds anywhere change no decision, and each is quarantined or counted once"
                (Prop.forAll (Arb.fromGen (Gen.listOf (Gen.zip (Gen.choose (0, 25)) (Gen.choose (0, 8))))) undisturbed)

            testCase "in real time metrics that are too old are not acted on" whereOutdated
            testCase "in real time the base policy acts where a plan misses its deadline" wherePlanningIsLate
            testCase "in real time an interval that is not over yet is quarantined" whereFromTheFuture
            testCase "a slow sink holds the source back" whereDeliveryIsSlow
            testCase "in shadow mode nothing is done" whereShadowed
            testCase "what the end cuts off has no fate yet" whereDeliveryIsCutOff
            testCase "in real time a decision that a newer one supersedes is not sent" whereDecisionsAreSuperseded
            testCase "in lockstep each action is delivered, however long that takes" whereEachIsDelivered
            testCase "a refit that fails beside is not the last" whereARefitFails
            testCase "where a stage fails the configuration is held, and the next interval decided on" whereAStageFails
            testCase "so it is in real time" whereAStageFailsInRealTime
            testCase "and in closed loop" whereAStageFailsInClosedLoop
            testCase
                "a stage that fails leaves its state and those behind it as they were"
                whereAStageFailsNothingElseHappens
        ]
