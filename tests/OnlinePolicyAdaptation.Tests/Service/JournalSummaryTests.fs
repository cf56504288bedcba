module OnlinePolicyAdaptation.Tests.Service.JournalSummary

open System
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

let private words = DecisionJson.error [ "s"; "t" ]

let private row cycle (seconds: float) errors : JournalRow =
    {
        Cycle = cycle
        Interval =
            Intervals.at 0 (TwoNodes.configuration 0.6 3.0) 0.09
            |> Intervals.ending (Intervals.beginning + TimeSpan.FromSeconds seconds)
        Mode = "act"
        By = "base"
        Action = [| 0; 0 |]
        BaseAction = [| 0; 0 |]
        Probe = None
        Target = [| 0.6; 3.0 |]
        QFactor = None
        BaseQFactor = None
        Reward = None
        Error = None
        ModelVersion = None
        Change = None
        Rules = []
        Errors = errors
    }

let private summary rows =
    match JournalSummary.ofRows TwoNodes.reward (Array.ofList rows) with
    | Some summary -> summary
    | None -> failtest "no rows"

[<Tests>]
let tests =
    testList
        "Service.JournalSummary"
        [
            test "trouble is counted by its kind, not by its words" {
                let trouble =
                    [
                        "nothing answered", CycleError.IncompleteMetrics 0
                        "nothing answered", CycleError.IncompleteMetrics 1
                        "requests lost", CycleError.RequestsLost(1, 0.5)
                        "outage", CycleError.Outage(0, 15.0)
                        "unusable metrics", CycleError.UnusableMetrics "a is needed"
                        "settling", CycleError.Settling
                        "too few samples", CycleError.TooFewSamples(1, 30)
                        "too few samples", CycleError.TooFewSamples(2, 30)
                        "unusable model", CycleError.UnusableModel "unusable metrics: x"
                    ]

                for kind, error in trouble do
                    Expect.equal (TroubleKind.ofWords (words error)) kind kind

                let errors = trouble |> List.map (snd >> words)

                Expect.equal
                    ((summary [ row 0 0.0 errors; row 1 5.0 [ "else" ] ]).Errors |> List.sort)
                    (List.sort [ for kind, all in List.groupBy fst trouble -> kind, all.Length ]
                     @ [ "other", 1 ]
                     |> List.sort)
                    "counted"
            }

            test "an interval that comes much later than usual is after a gap" {
                let rows =
                    [ 0.0; 5.0; 10.0; 17.5; 22.5; 40.0; 45.0 ]
                    |> List.mapi (fun cycle seconds -> row cycle seconds [])

                Expect.equal (summary rows).Gaps [ 5, TimeSpan.FromSeconds 17.5 ] "half as long again is not yet one"
            }
        ]
