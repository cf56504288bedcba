module OnlinePolicyAdaptation.Tests.ControlCycle.PredictionErrors

open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private measured (seconds: float list) =
    Ok
        {
            Configuration = TwoNodes.configuration 1.0 1.0
            OfferedLoads = TwoNodes.array [ for _ in seconds -> RequestRate 5.0 ]
            ResponseTimes = TwoNodes.array [ for seconds in seconds -> ResponseTime seconds ]
        }

let private silent = Error(CycleError.IncompleteMetrics 0)

let private nmae errors =
    match PredictionErrors.nmae errors with
    | ValueSome error -> error
    | ValueNone -> failtest "no error"

let private added predicted seconds =
    PredictionErrors.add (ValueSome predicted) (measured seconds)

[<Tests>]
let tests =
    testList
        "ControlCycle.Estimate.PredictionErrors"
        [
            test "errors are relative to the response times, over all services and intervals" {
                // Errors 0.1, 0.3 and 0.2 where 0.2, 0.4 and 0.9 were measured.
                let errors =
                    PredictionErrors.none
                    |> added [| 0.3; 0.1 |] [ 0.2; 0.4 ]
                    |> added [| 0.7; 0.0 |] [ 0.9; 0.0 ]

                Expect.floatClose Accuracy.veryHigh (nmae errors) (0.6 / 1.5) "NMAE"
            }

            test "an error does not depend on the unit of time" {
                let at scale =
                    PredictionErrors.none
                    |> added [| 0.3 * scale |] [ 0.2 * scale ]
                    |> added [| 0.1 * scale |] [ 0.4 * scale ]
                    |> nmae

                Expect.floatClose Accuracy.veryHigh (at 1000.0) (at 1.0) "ms or s"
            }

            test "there is none before the first prediction, nor where nothing was measured" {
                Expect.equal (PredictionErrors.nmae PredictionErrors.none) ValueNone "at first"

                let errors =
                    PredictionErrors.none |> PredictionErrors.add ValueNone (measured [ 0.2 ])

                Expect.equal (PredictionErrors.nmae errors) ValueNone "no prediction"

                let errors =
                    PredictionErrors.none |> PredictionErrors.add (ValueSome [| 0.2 |]) silent

                Expect.equal (PredictionErrors.nmae errors) ValueNone "nothing served"
            }

            test "a service that was not measured adds nothing" {
                let errors = PredictionErrors.none |> added [| 0.3; 7.0 |] [ 0.2; nan ]

                Expect.floatClose Accuracy.veryHigh (nmae errors) 0.5 "the other one's"
            }

            test "a single measurement does not rule the mean, and counts for at most five" {
                let usual count errors =
                    (errors, [ 1..count ])
                    ||> List.fold (fun errors _ -> added [| 0.11 |] [ 0.1 ] errors)

                let hit = PredictionErrors.none |> usual 24 |> added [| 0.1 |] [ 1e6 ] |> usual 25
                // 49 errors of 0.01 where 0.1 was measured, and one that counts as 0.5 of 0.5.
                Expect.floatClose Accuracy.veryHigh (nmae hit) ((0.49 + 0.5) / (4.9 + 0.5)) "one in 50"

                let changed =
                    (hit, [ 1..25 ]) ||> List.fold (fun errors _ -> added [| 0.1 |] [ 1.0 ] errors)

                Expect.isGreaterThan (nmae changed) 0.5 "what lasts counts in full"
            }

            test "the last 50 intervals count" {
                let fifty errors =
                    (errors, [ 1..50 ])
                    ||> List.fold (fun errors _ -> added [| 0.2 |] [ 0.2 ] errors)

                let wrong = PredictionErrors.none |> added [| 1.0 |] [ 0.5 ]
                Expect.equal (nmae (fifty wrong)) 0.0 "forgotten"
                let late = fifty PredictionErrors.none |> added [| 0.4 |] [ 0.2 ]
                Expect.floatClose Accuracy.veryHigh (nmae late) (0.2 / 10.0) "one in 50"
            }
        ]
