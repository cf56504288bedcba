/// What a stranger adds to a controller: a stage, a rule and a sink, each a file of its own and one line where it belongs.
module OnlinePolicyAdaptation.Tests.Samples.Samples

open System.IO
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private settings = SmallController.options 100
let private key = RandomKey 7UL

/// `Cycle.compose` with one line more.
let private composed =
    let estimate = Estimate.start settings SmallController.history key

    { Cycle.compose settings estimate key with
        Learning =
            Chain.first Monitor.fail (Monitor.stage settings)
            |> Chain.next (RoundedUp.stage 50.0)
            |> Chain.next (Estimate.stage settings key estimate)
    }

let private withLoad load (interval: Interval) =
    let service = ServiceMetrics(RequestRate load, RequestRate load, ResponseTime 0.09)

    interval |> Intervals.measuring [ service ]

let private roundsUp () =
    let estimated load =
        match
            Intervals.at 0 (TwoNodes.configuration 0.6 3.0) 0.09
            |> withLoad load
            |> SmallController.input
            |> Cycle.estimated composed (Cycle.start composed)
        with
        | Element.Interval(_, estimated) -> estimated.Monitored.Loads |> Seq.map _.PerSecond |> List.ofSeq
        | Element.Event other -> failtest $"{other}"

    Expect.equal (estimated 50.0) [ 50.0 ] "a multiple"
    Expect.equal (estimated 51.0) [ 100.0 ] "up"
    Expect.equal (estimated 99.0) [ 100.0 ] "up"

let private isNamed () =
    Expect.equal
        (Cycle.names composed)
        [ "monitor"; "roundedUp"; "estimate"; "adapt"; "probe"; "guard"; "act" ]
        "in its place, as metrics and journal name it"

/// A stage without state changes no checkpoint: one of before is gone on from.
let private keepsCheckpoints () =
    let usual = SmallController.start settings
    let bytes = Checkpoint.write usual (Cycle.start usual)
    Expect.equal (Checkpoint.write composed (Cycle.start composed)) bytes "the same bytes"
    Expect.isOk (Checkpoint.read composed "checkpoint" bytes) "read"

/// The rules of a guard with one more.
let private holdsAtNight () =
    let usual = Guard.rules settings.Guard

    let rules =
        { usual with
            Limiting = NotAtNight.rule :: usual.Limiting
        }

    let check hour move =
        let action = ControlAction(TwoNodes.array [ 0; move ])

        let proposal: Proposal =
            {
                Cycle = 0
                Time = Intervals.beginning.AddHours(hour - float Intervals.beginning.Hour)
                Age = ValueNone
                IsLate = false
                Error = ValueNone
                Samples = ValueNone
                Configuration = TwoNodes.configuration 0.4 3.0
                Outage = ValueNone
                Action = action
                IsProbe = false
                IsUnplanned = false
                Fallback = action
            }

        let left = Guard.check rules (Guard.start 2) proposal
        List.ofSeq left.Action.Moves, left.Rules |> List.map _.Rule

    Expect.equal (check 12.0 -1) ([ 0; -1 ], []) "by day"
    Expect.equal (check 23.0 -1) ([ 0; 0 ], [ "notAtNight" ]) "by night"
    Expect.equal (check 23.0 1) ([ 0; 1 ], []) "up, by night"

/// A stage, and a sink, at work.
let private writesRows () =
    Scratch.withFolder (fun folder ->
        let path = Path.Combine(folder, "decisions.csv")
        let intervals = Intervals.recorded 30 30

        SmallController.run
            (SmallController.service composed [ CsvSink.append path ])
            (SmallController.source intervals)
        |> ignore

        let expected =
            SmallController.steps composed (Cycle.start composed) (intervals |> Seq.map SmallController.input)
            |> fst
            |> SmallController.decided

        let rows = File.ReadAllLines path
        Expect.hasLength rows 30 "one for each decision"

        for row, decision in Seq.zip rows expected do
            let levels = decision.Target.Levels
            Expect.stringContains row $"Z,{levels[0]},{levels[1]},rollout" "its own")

[<Tests>]
let tests =
    testList
        "Samples"
        [
            testCase "a stage that rounds loads up is one line in the composition" roundsUp
            testCase "it has its name and its place" isNamed
            testCase "a stage without state changes no checkpoint" keepsCheckpoints
            testCase "a rule is one line among the guard's" holdsAtNight
            testCase "a sink that appends CSV is one line among the sinks" writesRows
        ]
