module OnlinePolicyAdaptation.Tests.ControlCycle.Monitor

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private settings =
    { TwoNodes.settings Planner.BasePolicy with
        Admission =
            {
                MaximumGap = TimeSpan.FromHours 1.0
                PlausibleSeconds = 100.0
                PlausibleLoad = 1000.0
            }
    }

let private stage = Monitor.stage settings
let private corner = TwoNodes.configuration 1.0 5.0
let private seconds (value: float) = TimeSpan.FromSeconds value
let private at value = Intervals.beginning + seconds value

let private interval time configuration measured =
    Interval(time, configuration, (TwoNodes.metrics 0 configuration measured).Services)

let private arrived now (interval: Interval) =
    Input.Arrived(Arrival.ofMetrics 0 (Metrics(0L, corner, interval.Services)), now)
    |> function
        | Input.Arrived(arrival, now) -> Input.Arrived({ arrival with Content = Ok interval }, now)
        | input -> input

/// What became of an interval.
[<RequireQualifiedAccess>]
type private Became =
    /// It is the one of a cycle, so many seconds after the last one where that is worth saying.
    | Taken of cycle: int * gap: float voption
    | Known
    | Rejected of FaultKind

let private became (element: Element<Monitored>) =
    match element with
    | Element.Interval(taken, monitored) ->
        Became.Taken(taken.Cycle, monitored.Gap |> ValueOption.map (fun gap -> gap.TotalSeconds))
    | Element.Event(Event.AlreadyKnown _) -> Became.Known
    | Element.Event(Event.Rejected(_, fault)) -> Became.Rejected fault.Kind
    | Element.Event other -> failtest $"{other}"

let private elementsOf (stage: Stage<MonitorState, Input, Element<Monitored>>) inputs =
    (stage.Start, inputs)
    ||> List.mapFold (fun state input ->
        let struct (next, output) = stage.Step state input
        output, next)
    |> fst

/// What becomes of intervals that end so many seconds after the beginning, where no clock tells the time.
let private times (ends: float list) =
    ends
    |> List.map (fun time -> arrived ValueNone (interval (at time) corner (ValueSome 0.1)))
    |> elementsOf stage
    |> List.map became

/// The same, each with the time by the clock when it comes.
let private timesByClock (ends: (int * int) list) =
    ends
    |> List.map (fun (time, now) ->
        arrived (ValueSome(at (float now))) (interval (at (float time)) corner (ValueSome 0.1)))
    |> elementsOf stage
    |> List.map became

let private taken cycle = Became.Taken(cycle, ValueNone)
let private takenAfter gap cycle = Became.Taken(cycle, ValueSome gap)
let private jump = Became.Rejected FaultKind.Jump
let private backwards = Became.Rejected FaultKind.Backwards

let private expect (ends: int list) expected =
    Expect.equal (times (List.map float ends)) expected $"{ends}"

let private known () =
    expect [ 0; 5; 5 ] [ taken 0; taken 1; Became.Known ]
    expect [ 0; 5; 0; 10 ] [ taken 0; taken 1; Became.Known; taken 2 ]

let private goesBack () =
    expect [ 0; 5; 10; 7; 15 ] [ taken 0; taken 1; taken 2; backwards; taken 3 ]
    expect [ 0; 5; -3; 10 ] [ taken 0; taken 1; backwards; taken 2 ]
    expect [ 0; 5; 10; 7; 7 ] [ taken 0; taken 1; taken 2; backwards; backwards ]

let private jumps () =
    let before = [ 0; 5; 10; 15 ]
    let begun = [ for n in 0..3 -> taken n ]

    let after times expected =
        expect (before @ times) (begun @ expected)

    expect [ 0; 3600; 7201 ] [ taken 0; taken 1; jump ]
    after [ 3615 ] [ taken 4 ]
    after [ 3616 ] [ jump ]
    // Four that go on from each other are believed, and what came before is past.
    after
        [ 10000; 10005; 10010; 10015; 10020; 20; 10 ]
        [ jump; jump; jump; takenAfter 10000.0 4; taken 5; backwards; Became.Known ]

    // However far away they are, two or three are not.
    after [ 100000; 100005; 100010; 20; 25; 30 ] [ jump; jump; jump; taken 4; taken 5; taken 6 ]
    // Itself once more, or one before it, does not go on from one.
    after
        [ 10000; 10005; 10010; 10010; 10005; 10010; 10015; 10020 ]
        [ jump; jump; jump; jump; jump; jump; jump; takenAfter 10005.0 4 ]
    // One that goes on from the last one ends the doubt.
    after
        [ 10000; 10005; 10010; 20; 10015; 10020; 10025; 10030 ]
        [ jump; jump; jump; taken 4; jump; jump; jump; takenAfter 10010.0 5 ]

let private atAnEvenPace () =
    let believed (steps: int list) =
        [ 0; 5; 10; 15 ] @ List.scan (+) 10000 steps
        |> List.map float
        |> times
        |> List.last
        |> (<>) jump

    Expect.isTrue (believed [ 10; 10; 10 ]) "even"
    Expect.isTrue (believed [ 10; 20; 10 ]) "twice and half"
    Expect.isFalse (believed [ 10; 21; 10 ]) "more than twice"
    Expect.isFalse (believed [ 10; 10; 21 ]) "at the end"
    Expect.isFalse (believed [ 10; 10; 4 ]) "less than half"
    Expect.isTrue (believed [ 3600; 3600; 3600 ]) "as far from each other as may be"
    Expect.isFalse (believed [ 3601; 3601; 3601; 3601 ]) "further"

/// Those that came first have no more to say for themselves than those that come later.
let private outweighed () =
    expect [ 0; 10000; 5; 10; 15; 20 ] [ taken 0; jump; taken 1; taken 2; taken 3; taken 4 ]
    expect [ 0; 10000; 10005 ] [ taken 0; jump; takenAfter 10005.0 1 ]
    expect [ 0; 5; 10000; 10005; 10010 ] [ taken 0; taken 1; jump; jump; takenAfter 10005.0 2 ]
    expect [ 0; 10000; 13600 ] [ taken 0; jump; takenAfter 13600.0 1 ]
    expect [ 0; 10000; 13601; 13602 ] [ taken 0; jump; jump; takenAfter 13602.0 1 ]
    // Two of them that are wrong give way to those that go on elsewhere.
    expect [ 10000; 10005; 0; 5; 10; 15 ] [ taken 0; taken 1; jump; jump; takenAfter -9995.0 2; taken 3 ]
    expect [ 10000; 10005; 0; 10000; 5; 10 ] [ taken 0; taken 1; jump; Became.Known; jump; takenAfter -9995.0 2 ]
    // Four do not.
    expect [ 10000; 10005; 10010; 10015; 0; 5; 10; 15; 20 ] ([ for n in 0..3 -> taken n ] @ List.replicate 5 backwards)

let private byTheClock () =
    Expect.equal
        (timesByClock [ 0, 0; 5, 5; 10000, 10060; 10005, 10005 ])
        [ taken 0; taken 1; takenAfter 9995.0 2; taken 3 ]
        "a minute late is now"

    Expect.equal (timesByClock [ 0, 0; 10000, 10061 ]) [ taken 0; jump ] "later is not"

/// What is measured after the clock was put back is decided on, whatever it shows.
let private putBack () =
    let before = [ for n in 0..20 -> 5 * n, 5 * n + 1 ]
    let begun = [ for n in 0..20 -> taken n ]

    let after times expected reason =
        Expect.equal (timesByClock (before @ times)) (begun @ expected) reason

    after [ 17, 18; 22, 23; 27, 28 ] [ takenAfter -83.0 21; taken 22; taken 23 ] "by 88 s"
    after [ 96, 97; 101, 102 ] [ takenAfter -4.0 21; taken 22 ] "by 5 s"
    after [ 96, 105; 106, 107 ] [ backwards; taken 21 ] "a late one is none of a clock that was put back"
    after [ 20, 21; 22, 23; 25, 26 ] [ Became.Known; takenAfter -78.0 21; Became.Known ] "posted again"
    after [ -90000, -89999; -89995, -89994 ] [ takenAfter -90100.0 21; taken 22 ] "by a day"
    after [ -90, 20; 22, 23 ] [ backwards; takenAfter -78.0 21 ] "the clock must agree"
    after [ -40, 20; -38, 21 ] [ takenAfter -140.0 21; taken 22 ] "by a minute at most"

    // However much is remembered: more than the last 1,024.
    let many = [ for n in 0..1100 -> 5 * n, 5 * n ]

    Expect.equal
        (timesByClock (many @ [ -86, -85; -81, -80; 5000, -75 ]) |> List.skip many.Length)
        [ takenAfter -5586.0 1101; taken 1102; Became.Rejected FaultKind.FromTheFuture ]
        "by more than is remembered"

    Expect.equal
        (timesByClock [ 10000, 10000; 0, 30; 5, 5 ])
        [ taken 0; takenAfter -10000.0 1; taken 2 ]
        "after the first"

let private ofTheFuture () =
    let future = Became.Rejected FaultKind.FromTheFuture

    Expect.equal
        (timesByClock [ 61, 0; 60, 0; 65, 5 ])
        [ future; taken 0; taken 1 ]
        "a minute ahead of our clock is as good as now"

    Expect.equal (timesByClock [ 0, 0; 100, 5; 105, 10 ]) [ taken 0; future; future ] "each"

let private ofTheYear9999 () =
    let far =
        (DateTimeOffset(9999, 12, 31, 0, 0, 0, TimeSpan.Zero) - Intervals.beginning).TotalSeconds

    Expect.equal
        (times [ far; 0.0; 5.0; 10.0; 15.0 ])
        [ taken 0; jump; takenAfter (5.0 - far) 1; taken 2; taken 3 ]
        "the first of all"

    Expect.equal
        (times [ far; far + 5.0; 0.0; 5.0; 10.0; 15.0 ])
        [ taken 0; taken 1; jump; jump; takenAfter (5.0 - far) 2; taken 3 ]
        "the first two"

    Expect.equal
        (times [ 0.0; 5.0; 10.0; 15.0; far; far + 5.0; far + 10.0; 20.0; 25.0 ])
        [ taken 0; taken 1; taken 2; taken 3; jump; jump; jump; taken 4; taken 5 ]
        "three in a row"

    Expect.equal (times [ 0.0; 5.0; far; 10.0; 15.0 ]) [ taken 0; taken 1; jump; taken 2; taken 3 ] "one among others"

let private implausible () =
    let ofService service =
        interval (at 0.0) corner ValueNone |> Intervals.measuring [ service ]

    let measured load seconds =
        ofService (ServiceMetrics(RequestRate load, RequestRate 5.0, ResponseTime seconds))

    let carried =
        ofService (ServiceMetrics(RequestRate 5.0, RequestRate 1001.0, ResponseTime 0.1))

    let losing blocked failed =
        ofService (
            ServiceMetrics(
                RequestRate 5.0,
                RequestRate 5.0,
                ResponseTime 0.1,
                BlockedLoad = RequestRate blocked,
                FailedLoad = RequestRate failed
            )
        )

    let taking (p50: float) (p90: float) (p99: float) =
        ofService (
            ServiceMetrics(
                RequestRate 5.0,
                RequestRate 5.0,
                ResponseTime 0.1,
                Statistics =
                    ResponseTimeStatistics(P50 = ResponseTime p50, P90 = ResponseTime p90, P99 = ResponseTime p99)
            )
        )

    let using (share: float) =
        let interval = measured 5.0 0.1

        Interval(
            interval.Time,
            interval.Configuration,
            interval.Services,
            Nodes = TwoNodes.array [ NodeMetrics(Nullable()); NodeMetrics share ]
        )

    let later interval = interval |> Intervals.ending (at 5.0)

    let of' interval =
        [ interval; later (measured 5.0 0.1) ]
        |> List.map (arrived ValueNone)
        |> elementsOf stage
        |> List.map became

    let wrong = [ Became.Rejected FaultKind.Implausible; taken 0 ]
    let right = [ taken 0; taken 1 ]
    Expect.equal (of' (measured 1000.0 100.0)) right "at the bounds"
    Expect.equal (of' (measured 1000.1 0.1)) wrong "offered load"
    Expect.equal (of' carried) wrong "carried load"
    Expect.equal (of' (measured 5.0 100.1)) wrong "response time"
    Expect.equal (of' (measured infinity 0.1)) wrong "no number"
    Expect.equal (of' (losing 5.0 1000.0)) right "all refused, and a queue that fails"
    Expect.equal (of' (losing (5.0 * (1.0 + 1e-7)) 0.0)) right "rounding"
    Expect.equal (of' (losing 5.1 0.0)) wrong "more refused than offered"
    Expect.equal (of' (losing 0.0 1000.1)) wrong "failed load"
    Expect.equal (of' (taking 0.1 0.1 0.2)) right "quantiles that do not fall"
    Expect.equal (of' (taking 0.2 0.1 0.3)) wrong "half is below more than nine tenths are"
    Expect.equal (of' (taking 0.1 0.3 0.2)) wrong "nine tenths are below more than all but one in a hundred"
    Expect.equal (of' (using 1.02)) right "all cores"
    Expect.equal (of' (using 37.0)) wrong "percent"

// --- Settling

let private monitored (element: Element<Monitored>) =
    match element with
    | Element.Interval(_, monitored) -> monitored
    | Element.Event other -> failtest $"{other}"

let private away = TwoNodes.configuration 0.6 3.0

/// Intervals of five seconds in these configurations, by a controller with this settling time.
let private moving settling configurations =
    let settings =
        { settings with
            Guard =
                { settings.Guard with
                    SettlingTime = seconds settling
                }
            Reward =
                RewardFunction(
                    TwoNodes.grid,
                    TwoNodes.array [ TwoNodes.objective ],
                    [ Seq.ofList [ 1 ] ],
                    CostAt.CurrentState,
                    3
                )
        }

    configurations
    |> List.mapi (fun i configuration ->
        arrived ValueNone (interval (at (5.0 * float i)) configuration (ValueSome 0.1)))
    |> elementsOf (Monitor.stage settings)
    |> List.map monitored

let private settles () =
    let isSettling settling =
        moving settling [ corner; corner; away; away; away; away ]
        |> List.map (fun monitored -> monitored.Unusable = ValueSome CycleError.Settling)

    // The change happened after the second interval, which ended at 5 s.
    Expect.equal (isSettling 0.0) [ false; false; false; false; false; false ] "not at all"
    Expect.equal (isSettling 5.0) [ false; false; false; false; false; false ] "an interval after it is settled"
    Expect.equal (isSettling 5.1) [ false; false; true; false; false; false ] "not quite"
    Expect.equal (isSettling 10.0) [ false; false; true; false; false; false ] "two intervals after it"
    Expect.equal (isSettling 10.1) [ false; false; true; true; false; false ] "not quite"

    for monitored in moving 10.0 [ corner; corner; away; away ] do
        Expect.equal
            (Result.isError monitored.Sample, ValueOption.isNone monitored.Reward)
            (ValueOption.isSome monitored.Unusable, ValueOption.isSome monitored.Unusable)
            "nothing is learned from while it settles"

/// A change is no longer ago, and no shorter, by a clock that was put back.
let private settlesAsBefore () =
    let settings =
        { settings with
            Guard =
                { settings.Guard with
                    SettlingTime = seconds 12.0
                }
        }

    // The change happened after the interval that ended at 5 s, and the clock is put back after 15 s.
    let isSettling =
        [ 0, corner; 5, corner; 10, away; 15, away; -67, away; -62, away ]
        |> List.map (fun (time, configuration) ->
            arrived (ValueSome(at (float time))) (interval (at (float time)) configuration (ValueSome 0.1)))
        |> elementsOf (Monitor.stage settings)
        |> List.map (fun element -> (monitored element).Unusable = ValueSome CycleError.Settling)

    Expect.equal isSettling [ false; false; true; true; true; false ] "as long as before"

let private knowsTheOneBefore () =
    let run settling =
        moving settling [ corner; corner; away; away; corner ]

    for settling in [ 0.0; 10.0 ] do
        Expect.equal
            (run settling |> List.map _.Previous)
            [
                ValueNone
                ValueSome corner
                ValueSome corner
                ValueSome away
                ValueSome away
            ]
            "the configuration in the interval before"

    // 1 - c1/5 of the interval before, which the first one does not have.
    Expect.equal
        (run 0.0 |> List.map _.Reward)
        [ ValueSome 0.0; ValueSome 0.0; ValueSome 0.0; ValueSome 0.4; ValueSome 0.4 ]
        "charged there"

// --- Memory

let private remembers () =
    let after count time =
        [ for n in 0 .. count - 1 -> 10.0 * float n ] @ [ time ] |> times |> List.last

    Expect.equal (after 1024 0.0) Became.Known "taken in before"
    Expect.equal (after 2000 0.0) Became.Known "older than what is remembered"
    // Between the first two there was none.
    Expect.equal (after 1024 5.0) backwards "1,024 are remembered"
    Expect.equal (after 1025 5.0) Became.Known "and no more"

let private stopped (stage: Stage<MonitorState, Input, Element<Monitored>>) state =
    match stage.Codec with
    | ValueNone -> failtest "it has a state to keep"
    | ValueSome codec ->
        match codec.Read(codec.Write state) with
        | Ok read -> read
        | Error message -> failtest message

/// Elements of a script, with stops between them.
let private remembersTheSame (script: Scripts.Happening list) =
    let stage = Monitor.stage (Scripts.settings 1)

    let run between =
        (stage.Start, Scripts.inputs script)
        ||> List.mapFold (fun state input ->
            let struct (next, output) = stage.Step (between state) input

            let said =
                match output with
                | Element.Interval(_, monitored) -> became output, ValueSome(monitored.Previous, monitored.Unusable)
                | Element.Event _ -> became output, ValueNone

            said, next)
        |> fst

    Expect.equal (run (stopped stage)) (run id) "the same"

let private refuses () =
    match stage.Codec with
    | ValueNone -> failtest "it has a state to keep"
    | ValueSome codec ->
        let struct (state, _) =
            stage.Step stage.Start (arrived ValueNone (interval (at 0.0) corner (ValueSome 0.1)))

        let whole = Text.Encoding.UTF8.GetString(codec.Write state)

        let refused (text: string) (part: string) =
            match codec.Read(Text.Encoding.UTF8.GetBytes text) with
            | Ok _ -> failtest $"accepted: {text}"
            | Error message -> Expect.stringContains message part text

        Expect.isOk (codec.Read(Text.Encoding.UTF8.GetBytes whole)) "whole"
        refused (whole.Replace("\"inForce\":[5,4]", "\"inForce\":[5,77]")) "inForce"
        refused (whole.Replace("\"cycle\":1", "\"cycle\":-1")) "cycle"
        refused (whole.Replace("\"cycle\":1,", "")) "cycle"
        refused "null" "null"
        refused (whole.Substring(0, whole.Length / 2)) ""

let private fails () =
    let failure =
        {
            Stage = Monitor.name
            Exception = InvalidOperationException "no luck"
        }

    match Monitor.fail failure (arrived ValueNone (interval (at 0.0) corner (ValueSome 0.1))) with
    | Element.Event(Event.Rejected(_, fault)) ->
        Expect.equal fault.Kind FaultKind.Poisonous "it cannot be decided on"
        Expect.stringContains fault.Reason "no luck" "why"
    | other -> failtest $"{other}"

[<Tests>]
let tests =
    testList
        "ControlCycle.Monitor"
        [
            testCase "what was taken in is known when it comes again" known
            testCase "what is older than the last one and was not taken in goes back" goesBack
            testCase "a time far from the last one is doubted until four go on from each other" jumps
            testCase "those that go on from each other do so at an even pace" atAnEvenPace
            testCase "of few intervals more that go on elsewhere are believed" outweighed
            testCase "a time far from the last one is believed at once where the clock agrees" byTheClock
            testCase "what is measured after the clock was put back is taken in" putBack
            testCase "what ends later than now is not believed" ofTheFuture
            testCase "one interval of the year 9999 does not stop those that come after it" ofTheYear9999
            testCase "values that no system has are rejected, and nothing is remembered of them" implausible
            testCase "metrics settle for a time after the interval before the change" settles
            testCase "metrics settle as long where the clock is put back" settlesAsBefore
            testCase "the configuration before is known, also after one that was not learned from" knowsTheOneBefore
            testCase "the last 1,024 times are remembered" remembers
            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 200
                }
                "a monitor that was stopped goes on as if it had not"
                (Prop.forAll (Arb.fromGen Scripts.script) remembersTheSame)
            testCase "a state that cannot be is refused" refuses
            testCase "an interval on which it fails is rejected as poisonous" fails
        ]
