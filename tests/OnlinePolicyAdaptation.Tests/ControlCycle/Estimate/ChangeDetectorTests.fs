module OnlinePolicyAdaptation.Tests.ControlCycle.ChangeDetector

open Expecto
open FsCheck
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp

/// The first change in a stream of scores of one service, and the cycle it was noticed in.
let private firstIn count (scores: float seq) =
    ((ChangeDetector.create 1 count, None), Seq.indexed scores)
    ||> Seq.fold (fun (detector, found) (cycle, score) ->
        let struct (detector, change) = ChangeDetector.observe cycle [| score |] detector

        match found, change with
        | None, ValueSome change -> detector, Some(cycle, change)
        | _ -> detector, found)
    |> snd

let private normal (key: uint64) count =
    let random = (RandomKey key).Sequence()

    [
        for _ in 1..count do
            sqrt (-2.0 * log (1.0 - random.NextDouble()))
            * cos (2.0 * System.Math.PI * random.NextDouble())
    ]

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.ChangeDetector"
        [
            testProperty "never fires on a constant stream" (fun (score: NormalFloat) (length: uint16) ->
                Expect.isNone (firstIn 0 (Seq.replicate (int length % 2000) score.Get)) "constant")

            testProperty "one outlier, however large, is no change" (fun (outlier: NormalFloat) (at: byte) key ->
                let quiet = normal key 300 |> List.map (fun score -> score / 10.0)

                let scores =
                    quiet
                    |> List.mapi (fun i score -> if i = int at then 1e6 * outlier.Get else score)

                Expect.isNone (firstIn 1000 scores) "not enough")

            testProperty "a shift by three usual sizes is noticed within five cycles, in both directions"
            <| fun key (slower: bool) ->
                let shift = if slower then 3.0 else -3.0

                let scores =
                    (normal key 100 |> List.map (fun score -> score / 10.0))
                    @ List.replicate 5 shift

                match firstIn 1000 scores with
                | None -> failtest "not noticed"
                | Some(cycle, change) ->
                    Expect.isGreaterThanOrEqual cycle 100 "not before"
                    Expect.isTrue (abs (change.Since - 100) <= 2) $"since about 100: {change.Since}"

            test "on normal scores there are a few false alarms in a thousand at most" {
                let alarms =
                    [
                        for key in 1UL .. 100UL do
                            match firstIn 1000 (normal key 500) with
                            | Some _ -> 1
                            | None -> 0
                    ]
                    |> List.sum

                // The mean time between false alarms of a cumulative sum at height 5 and allowance 0.5 is about 465.
                Expect.isLessThan alarms 80 "of 100 streams of 500"
            }

            test "tells which service has changed" {
                let mutable detector = ChangeDetector.create 3 100
                let mutable service = ValueNone

                for cycle in 0..9 do
                    let struct (next, change) =
                        ChangeDetector.observe cycle [| 0.1; 0.0; 3.0 |] detector

                    detector <- next

                    if ValueOption.isNone service then
                        service <- change |> ValueOption.map _.Service

                Expect.equal service (ValueSome 2) "the third"
            }

            test "a sample without a score counts as one of 0" {
                let scored =
                    ChangeDetector.ofTests
                        [|
                            for mean in [ 0.3; -0.6 ] ->
                                {
                                    Count = 2
                                    Mean = mean
                                    Slower = { Height = 1.0; Since = 4 }
                                    Faster = { Height = 0.0; Since = 0 }
                                }
                        |]

                let tests = ChangeDetector.tests (ChangeDetector.unscored scored)
                Expect.equal (tests |> Array.map _.Count) [| 3; 3 |] "one more"
                Expect.floatClose Accuracy.veryHigh tests[0].Mean 0.2 "2 x 0.3 / 3"
                Expect.floatClose Accuracy.veryHigh tests[1].Mean -0.4 "2 x -0.6 / 3"
                Expect.equal (tests |> Array.map _.Slower.Height) [| 1.0; 1.0 |] "no evidence of anything"
            }

            test "scores are summed up less their mean and an allowance, since the first above it, by hand" {
                let struct (first, none) =
                    ChangeDetector.observe 7 [| 2.0 |] (ChangeDetector.create 1 3)
                // Mean 2/4 = 0.5; height 2 - 0.5 - 0.5 = 1.
                let test = (ChangeDetector.tests first)[0]
                Expect.floatClose Accuracy.veryHigh test.Mean 0.5 "mean"
                Expect.floatClose Accuracy.veryHigh test.Slower.Height 1.0 "height"
                Expect.equal test.Slower.Since 7 "since now"
                Expect.equal test.Faster.Height 0.0 "never below zero"
                Expect.isTrue (ValueOption.isNone none) "no change"
                // A score of 9 is cut off at 4: mean (2 + 4)/5 = 1.2, height 1 + 4 - 1.2 - 0.5 = 3.3.
                let struct (second, _) = ChangeDetector.observe 8 [| 9.0 |] first
                let test = (ChangeDetector.tests second)[0]
                Expect.floatClose Accuracy.veryHigh test.Slower.Height 3.3 "height"
                Expect.equal test.Slower.Since 7 "since then"
                // Mean (6 + 4)/6, height 3.3 + 4 - 10/6 - 0.5 = 5.133: above 5.
                let struct (_, change) = ChangeDetector.observe 9 [| 4.0 |] second
                Expect.equal change (ValueSome { Service = 0; Since = 7 }) "a change"
            }
        ]
