module OnlinePolicyAdaptation.Tests.Testbed.RequestScheduleTests

open System
open Expecto
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Testbed.LoadGeneration
open OnlinePolicyAdaptation.Tests

let private constant rate : LoadPattern = LoadPattern.Constant(RequestRate rate)

let private sine: LoadPattern =
    LoadPattern.Sine(RequestRate 60.0, RequestRate 50.0, 40.0, 0.5)

let private recorded: LoadPattern =
    LoadPattern.Recorded(TwoNodes.array (List.map RequestRate [ 20.0; 80.0; 0.0; 5.0 ]), 7.0)

let private load name pattern = ServiceLoad(RequestClass name, pattern)

let private schedule key patterns =
    RequestSchedule(patterns |> List.mapi (fun i pattern -> load $"s{i}" pattern), RandomKey key)

let private times requests =
    requests |> Seq.map (fun (request: ScheduledRequest) -> request.Seconds)

/// Requests expected until a time, by the definition of the rate: its integral, in steps of a millisecond.
let private expectedUntil (pattern: LoadPattern) (factor: float -> float) seconds =
    let rates =
        [|
            for i in 0 .. int (Math.Ceiling(seconds: float)) * 1000 do
                let middle = (float i + 0.5) / 1e3
                factor middle * pattern.RateAt(middle).PerSecond / 1e3
        |]

    let sums = Array.scan (+) 0.0 rates

    fun (time: float) ->
        let step = int (time * 1e3)
        sums[step] + (time * 1e3 - float step) * rates[step]

/// In the time in which one request is expected per unit, arrivals of any rate come at rate 1: gaps are exponential.
let private expectPoisson (pattern: LoadPattern) factor seconds arrivals =
    let arrivals = Array.ofSeq arrivals
    let expected = expectedUntil pattern factor seconds

    let distance =
        arrivals |> Seq.map expected |> Exponential.gaps |> Exponential.distance

    Expect.isLessThan distance (Exponential.acceptable arrivals.Length) $"{pattern}: distance from the exponential"

    let mean = expected seconds

    Expect.isLessThan
        (abs (float arrivals.Length - mean))
        (4.0 * sqrt mean)
        $"{pattern}: {arrivals.Length} requests of {mean} expected, whose deviation is {sqrt mean}"

let private unchanged (_: float) = 1.0

[<Tests>]
let tests =
    testList
        "Testbed.LoadGeneration.RequestSchedule"
        [
            test "the rate is within 1 % of what was set, and gaps are exponential" {
                let arrivals = times ((schedule 7UL [ constant 100.0 ]).Next 1000.0) |> Array.ofSeq
                Expect.isLessThan (abs (float arrivals.Length / 1000.0 / 100.0 - 1.0)) 0.01 "rate"

                let distance =
                    arrivals
                    |> Exponential.gaps
                    |> Seq.map (fun gap -> 100.0 * gap)
                    |> Exponential.distance

                Expect.isLessThan distance (Exponential.acceptable arrivals.Length) "distance from the exponential"
            }

            test "a rate that varies is followed" {
                for pattern in [ sine; recorded; LoadPattern.Later(sine, 10.0) ] do
                    expectPoisson pattern unchanged 200.0 (times ((schedule 3UL [ pattern ]).Next 200.0))
            }

            test "a load factor multiplies the rate from its time on, and no request is sent at 0" {
                let factors = [| 1.0; 3.0; 0.0; 0.25; 0.25; 2.0 |]
                let slice = 0.35

                let factor (seconds: float) =
                    factors[int (seconds / slice) % factors.Length]

                let schedule = schedule 11UL [ sine ]

                let arrivals =
                    [
                        for i in 1..600 do
                            let until = float i * slice
                            yield! times (schedule.Next(until, factor (until - slice / 2.0)))
                    ]

                expectPoisson sine factor 210.0 arrivals
                Expect.all arrivals (fun time -> factor time > 0.0) "nothing while the factor is 0"
                Expect.sequenceEqual arrivals (List.sort arrivals) "in order"
            }

            testProperty "the requests depend on loads and key, not on the pieces they are asked for in"
            <| fun (key: uint64) (pieces: byte list) ->
                let loads = [ sine; recorded; constant 3.0 ]
                let whole = schedule key loads
                let inPieces = schedule key loads

                let ends = pieces |> List.scan (fun until piece -> until + float piece / 100.0) 0.0

                let requests =
                    [ for until in ends -> inPieces.Next until ] |> Seq.concat |> List.ofSeq

                Expect.sequenceEqual requests (whole.Next(List.last ends)) "the same"

            testProperty "a load that is added leaves the requests of the others as they are"
            <| fun (key: uint64) ->
                let alone = (schedule key [ sine ]).Next 10.0
                let both = (schedule key [ sine; recorded ]).Next 10.0
                Expect.sequenceEqual (both |> Seq.filter (fun request -> request.Load = 0)) alone "the same"

            test "another key gives other times" {
                Expect.notEqual
                    (List.ofSeq ((schedule 1UL [ sine ]).Next 10.0))
                    (List.ofSeq ((schedule 2UL [ sine ]).Next 10.0))
                    "times"
            }

            test "requests come in the order of time, each from its start on and before its end" {
                let schedule = schedule 5UL [ constant 50.0; constant 200.0; sine ]
                let first = schedule.Next 4.0 |> times |> List.ofSeq
                let second = schedule.Next 9.0 |> times |> List.ofSeq
                Expect.sequenceEqual (first @ second) (List.sort (first @ second)) "ascending"
                Expect.all first (fun time -> time < 4.0) "before the end"
                Expect.all second (fun time -> time >= 4.0 && time < 9.0) "after the first"
            }

            test "a load that ends for ever is no endless search" {
                let ended: LoadPattern =
                    LoadPattern.Sequence(TwoNodes.array [ constant 100.0; constant 0.0 ], TwoNodes.array [ 0.0; 5.0 ])

                let schedule = schedule 1UL [ ended; constant 0.0 ]
                Expect.isNonEmpty (schedule.Next 5.0) "requests"
                Expect.isEmpty (schedule.Next 60.0) "none"
            }
        ]
