module OnlinePolicyAdaptation.Tests.ControlCycle.Losses

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private objective = 0.05
let private bound = 0.12
let private length = 5.0
let private here = TwoNodes.configuration 1.0 5.0

/// What an interval measured: requests offered, answered and, where that is known, failed; the service takes 0.1 s.
let private metrics (offered: float) (answered: float) (failed: float voption) =
    let rate requests = RequestRate(requests / length)

    let seconds =
        if answered > 0.0 then
            Nullable(ResponseTime 0.1)
        else
            Nullable()

    match failed with
    | ValueSome failed -> ServiceMetrics(rate offered, rate answered, seconds, FailedLoad = Nullable(rate failed))
    | ValueNone -> ServiceMetrics(rate offered, rate answered, seconds)

let private ended number =
    Intervals.beginning + TimeSpan.FromSeconds(length * float (number + 1))

/// The history after one more interval, the one of a number.
let private after number (measured: ServiceMetrics) history =
    let beginning = Intervals.beginning + TimeSpan.FromSeconds(length * float number)

    Losses.after objective beginning true (Losses.count TwoNodes.grid here 0 length measured) measured history

let private judge number history =
    Losses.judge objective bound length (ended number) history

/// What is thought after each of these intervals.
let private judged (intervals: ServiceMetrics seq) =
    (Losses.none, Seq.indexed intervals)
    ||> Seq.mapFold (fun history (number, measured) ->
        let history = after number measured history
        judge number history, history)
    |> fst
    |> Seq.toList

let private isLost =
    function
    | Answers.Kept -> false
    | _ -> true

/// Intervals until it is seen, from 1.
let private seenAfter intervals =
    judged intervals |> List.findIndex isLost |> (+) 1

let private losing share failed =
    metrics 25.0 (25.0 * (1.0 - share)) (if failed then ValueSome(25.0 * share) else ValueNone)

/// Poisson, by the times between events.
let private poisson mean (sequence: byref<RandomSequence>) =
    let mutable count = 0
    let mutable time = sequence.NextExponential()

    while time < mean do
        count <- count + 1
        time <- time + sequence.NextExponential()

    count

/// So many requests on average, of which at the end of each interval some are in flight, which are answered in the next; each is
/// lost with this probability.
let private inFlight count load flying lossProbability seed =
    let mutable sequence = (RandomKey seed).Sequence()
    let mutable flight = 0

    [
        for _ in 1..count ->
            let offered = poisson load &sequence
            let mutable lost = 0

            for _ in 1..offered do
                if sequence.NextDouble() < lossProbability then
                    lost <- lost + 1

            let next = min (offered - lost) (poisson flying &sequence)
            let answered = offered - lost + flight - next
            flight <- next
            metrics (float offered) (float answered) ValueNone
    ]

let private flightIsNoLoss () =
    for load, flying in [ 25.0, 0.5; 25.0, 2.0; 25.0, 4.0; 2.0, 0.2; 0.3, 0.03; 500.0, 50.0 ] do
        Expect.all (judged (inFlight 10000 load flying 0.0 1UL)) ((=) Answers.Kept) $"{load}, {flying} in flight"

    Expect.all (judged (List.replicate 10000 (metrics 25.0 23.0 ValueNone))) ((=) Answers.Kept) "two of 25"

let private allowed () =
    for share in [ 0.02; 0.04 ] do
        Expect.all (judged (inFlight 10000 25.0 0.5 share 2UL)) ((=) Answers.Kept) $"{share}"

    let exact failed =
        List.replicate 1000 (losing objective failed)

    Expect.all (judged (exact true)) ((=) Answers.Kept) "exactly, measured"
    Expect.all (judged (exact false)) ((=) Answers.Kept) "exactly, inferred"

/// By hand: with 25 requests an interval and half a request in flight, k intervals of 100 s % tell as soon as
/// 25 k (s - 0.05) > 0.5 + 3.5 sqrt(25 + 0.5), inferred, or 25 k (s - 0.05) > 3.5 sqrt(max(1.25 k, 1)), measured.
let private seen () =
    for share, inferred, measured in [ 0.1, 15, 10; 0.2, 5, 2; 0.5, 2, 1; 0.96, 1, 1 ] do
        Expect.equal (seenAfter (List.replicate 40 (losing share false))) inferred $"{share}, inferred"
        Expect.equal (seenAfter (List.replicate 40 (losing share true))) measured $"{share}, measured"

    match judged (List.replicate 20 (losing 0.1 false)) |> List.last with
    | Answers.Lost share -> Expect.floatClose Accuracy.high share 0.1 "how much"
    | other -> failtest $"{other}"

    for seed in 1UL .. 20UL do
        let tenth = seenAfter (inFlight 200 25.0 0.5 0.1 seed)
        Expect.isLessThan tenth 120 "by chance, a tenth"
        let half = seenAfter (inFlight 20 25.0 0.5 0.5 seed)
        Expect.isLessThan half 5 "by chance, a half"

let private ends () =
    for share, longest in [ 0.1, 8; 0.5, 2; 0.96, 0 ] do
        let after =
            judged (List.replicate 40 (losing share false) @ List.replicate 30 (losing 0.0 false))
            |> List.skip 40

        let still = after |> List.takeWhile isLost |> List.length
        Expect.isLessThanOrEqual still longest $"{share}"
        Expect.all (List.skip still after) ((=) Answers.Kept) $"{share}: over"

let private refused () =
    let half =
        TwoNodes.array [ Control("b", ControlTarget.BlockingRate 0, 0.0, 1.0, 3) ]
        |> ControlGrid

    let counted level measured =
        Losses.count half (Configuration(TwoNodes.array [ level ])) 0 length measured

    Expect.equal
        (counted 1 (metrics 20.0 10.0 ValueNone))
        (ValueSome
            {
                Requests = 10.0
                Lost = 0.0
                IsInferred = true
            })
        "by the configuration"

    Expect.equal (counted 2 (metrics 20.0 0.0 ValueNone)) ValueNone "all of them"

    let said =
        ServiceMetrics(RequestRate 4.0, RequestRate 1.0, ResponseTime 0.1, BlockedLoad = RequestRate 1.0)

    Expect.equal
        (counted 1 said)
        (ValueSome
            {
                Requests = 15.0
                Lost = 10.0
                IsInferred = true
            })
        "as measured"

let private fold number measured history =
    (history, List.indexed measured)
    ||> List.fold (fun history (i, measured) -> after (number + i) measured history)

/// The configuration changes after 20 intervals; intervals until a loss is seen there.
let private moves () =
    let before share =
        fold 0 (List.replicate 20 (losing share false)) Losses.none |> Losses.moved

    let seen share later =
        (before share, [ 0..29 ])
        ||> List.mapFold (fun history i ->
            let history = after (20 + i) (losing later false) history
            isLost (judge (20 + i) history), history)
        |> fst
        |> List.tryFindIndex id

    Expect.equal (seen 0.1 0.1) (Some 1) "what is suspected is seen soon"
    Expect.equal (seen 0.0 0.1) (Some 14) "what is not takes as long as ever"
    Expect.equal (seen 0.1 0.0) None "what is not lost is not"
    Expect.equal (seen 0.96 0.0) None "nor after heavy losses"
    Expect.equal (seen 0.96 0.04) None "nor what the objective allows"

let private silence () =
    let nothing = metrics 25.0 0.0 ValueNone

    let few = metrics 5.0 0.0 ValueNone
    let idle = metrics 0.0 0.0 ValueNone
    let healthy = metrics 25.0 25.0 ValueNone

    let since intervals =
        Answers.Nothing(TimeSpan.FromSeconds(length * float intervals))

    Expect.equal (judged [ healthy; nothing; nothing ]) [ Answers.Kept; since 1; since 2 ] "25 requests at once"

    // 14 requests and those in flight, at 1 a second for 0.1 s.
    Expect.equal (judged [ healthy; few; few ] |> List.last) Answers.Kept "ten requests may be in flight"
    Expect.equal (judged [ healthy; few; few; few ] |> List.last) (since 3) "15 are too many"

    Expect.equal
        (judged [ healthy; nothing; idle; idle; nothing; healthy; idle ])
        [ Answers.Kept; since 1; since 2; since 3; since 4; Answers.Kept; Answers.Kept ]
        "no request is no news"

    Expect.all (judged (List.replicate 10000 idle)) ((=) Answers.Kept) "nothing offered"

    // A service that takes 8 s has 40 of 5 a second in flight.
    let slow = ServiceMetrics(RequestRate 5.0, RequestRate 5.0, ResponseTime 8.0)

    Expect.equal (judged [ slow; nothing; nothing ] |> List.last) Answers.Kept "50 of a slow service"
    Expect.equal (judged [ slow; nothing; nothing; nothing ] |> List.last) (since 3) "75 of a slow service"

let private asSeconds () =
    let seconds = Losses.asSeconds objective bound 60.0
    Expect.equal (seconds Answers.Kept) ValueNone "nothing lost"
    Expect.equal (seconds (Answers.Nothing TimeSpan.Zero)) (ValueSome 60.0) "what is plausible at the most"

    let lost =
        [ 0.051; 0.1; 0.5; 0.96; 1.0 ]
        |> List.choose (Answers.Lost >> seconds >> ValueOption.toOption)

    Expect.equal lost (List.sort lost) "more is worse"
    Expect.equal lost.Length 5 "each counts"
    Expect.isGreaterThan lost.Head (2.0 * bound) "it misses the bound"
    Expect.isLessThan (List.last lost) 60.0 "and is better than nothing answered"

    let unbounded =
        Losses.asSeconds objective bound infinity (Answers.Nothing TimeSpan.Zero)

    Expect.isTrue (unbounded |> ValueOption.forall Double.IsFinite) "finite"

let private count =
    Gen.map2
        (fun (requests: int) (lost, isInferred) ->
            {
                Requests = float requests
                Lost = float (min lost requests)
                IsInferred = isInferred
            })
        (Gen.choose (1, 100))
        (Gen.zip (Gen.choose (-10, 100)) (Gen.elements [ true; false ]))

let private history =
    gen {
        let! window = Gen.listOf count
        let! earlier = Gen.listOf count
        let! silent = Gen.elements [ ValueNone; ValueSome Intervals.beginning ]
        let! seconds = Gen.elements [ ValueNone; ValueSome 0.25 ]

        return
            {
                Window = window
                Earlier = earlier
                Silence = silent |> ValueOption.map (fun since -> { Since = since; Requests = 7.0 })
                Seconds = seconds
            }
    }

let private scattered (counts: RequestCount list) =
    (Losses.none, List.indexed counts)
    ||> List.fold (fun history (number, counted) ->
        after number (metrics counted.Requests (counted.Requests - counted.Lost) ValueNone) history)

[<Tests>]
let tests =
    testList
        "ControlCycle.Losses"
        [
            testCase "requests in flight are no loss, in 10,000 intervals" flightIsNoLoss
            testCase "what the objective allows is no loss, in 10,000 intervals" allowed
            testCase "a loss beyond the objective is seen after as many requests as it takes" seen
            testCase "a loss that is over is soon forgotten" ends
            testCase "what the front refuses is not lost" refused
            testCase "after a move it takes less to see that requests are still lost" moves
            testCase "nothing answered is an outage once it is no chance, until the first answer" silence
            testCase "losses count as response times that miss the bound" asSeconds

            testProperty "a history is the same after a checkpoint"
            <| Prop.forAll (Arb.fromGen history) (fun history ->
                let json = RequestHistoryJson.ofHistory history
                RequestHistoryJson.isSound json && RequestHistoryJson.toHistory json = history)

            testProperty "a loss that is seen is above the objective, and a window is no longer than 24 intervals"
            <| Prop.forAll (Arb.fromGen (Gen.listOf count)) (fun counts ->
                let history = scattered counts

                history.Window.Length <= 24
                && (match judge counts.Length history with
                    | Answers.Lost share -> share > objective && share <= 1.0
                    | _ -> true))
        ]
