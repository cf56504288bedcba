module OnlinePolicyAdaptation.Tests.ControlCycle.LaggingMetrics

open System
open Expecto
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests

let private settings =
    let settings = TwoNodes.settings (Planner.Rollout 3)

    { settings with
        Leaves = LeafValues.BetterOf
        Estimation =
            { settings.Estimation with
                RegrownTrees = 10
                Forgetting = Forgetting.ByRelevance 30
                RiskAttitude = RiskAttitude.Optimistic 0.6
            }
    }

/// A node of fewer cores is slower: so each move shows. `slower` is by how much node 2 is slower than node 1.
let private responseTime slower (configuration: Configuration) =
    let share = TwoNodes.grid.Controls[0].Value configuration.Levels[0]
    let cores = TwoNodes.grid.Controls[1].Value configuration.Levels[1]
    0.03 + 0.12 / cores * (share + (1.0 - share) * slower)

let private cycle follows =
    let history =
        [
            for _ in 1..3 do
                for configuration in TwoNodes.configurations ->
                    { TwoNodes.sample 0.08 configuration with
                        ResponseTimes = TwoNodes.array [ ResponseTime(responseTime 0.5 configuration) ]
                    }
        ]

    Cycle.create { settings with FollowsLag = follows } history (RandomKey 3UL)

/// Node 2 becomes slower in cycle 20.
let private node2 cycle = if cycle < 20 then 0.5 else 3.0

/// Decisions of a closed loop whose response times are those of so many intervals ago, and what each interval was worth.
/// `between` is what becomes of the states after each.
let private run follows lag noise seed between =
    let random = Random(seed: int)
    let cycle = cycle follows
    let visited = ResizeArray<Configuration>()
    let mutable configuration = TwoNodes.configuration 1.0 5.0
    let mutable state = Cycle.start cycle

    [
        for i in 0..119 do
            visited.Add configuration
            let then' = max 0 (i - lag)

            let seconds =
                responseTime (node2 then') visited[then']
                * exp (noise * (2.0 * random.NextDouble() - 1.0))

            let metrics = TwoNodes.metrics i configuration (ValueSome seconds)

            let step =
                Cycle.step cycle state (Input.Arrived(Arrival.ofMetrics i metrics, ValueNone))

            state <- between cycle i step.State

            match step.Decided with
            | Element.Interval(_, decision) ->
                let worth =
                    settings.Reward.Reward(
                        configuration,
                        configuration,
                        ReadOnlySpan [| responseTime (node2 i) configuration |]
                    )

                configuration <- decision.Target
                decision, worth
            | Element.Event other -> failtest $"{other}"
    ]

let private told (decision: Decision, _: float) =
    match decision.Lag with
    | ValueSome lag -> lag
    | ValueNone -> failtest "no lag is told"

let private uninterrupted _ _ state = state

/// The mean of the last 40 cycles.
let private worth decisions =
    decisions |> List.skip 80 |> List.averageBy snd

[<Tests>]
let tests =
    testList
        "ControlCycle.LaggingMetrics"
        [
            for noise in [ 0.0; 0.05 ] do
                for lag in [ 1; 2; 3; 6 ] do
                    test $"response times {lag} intervals old, noise {noise}: as much is earned as by those of now" {
                        let now = run true 0 noise (7 + lag) uninterrupted
                        let old = run true lag noise (7 + lag) uninterrupted

                        Expect.all now (fun decided -> (told decided).Intervals = 0) "no lag where there is none"
                        Expect.equal (told (List.last old)).Intervals lag "the lag is told"
                        Expect.isGreaterThanOrEqual (worth old) (0.95 * worth now) "in the last cycles"
                    }

            test "a controller that goes on from a checkpoint decides as one that was not stopped" {
                let again cycle i state =
                    if i % 7 = 3 then
                        match Checkpoint.read cycle "checkpoint" (Checkpoint.write cycle state) with
                        | Ok state -> state
                        | Error message -> failtest message
                    else
                        state

                let texts decisions =
                    decisions |> List.map (fst >> SmallController.text)

                Expect.equal (run true 2 0.05 1 again |> texts) (run true 2 0.05 1 uninterrupted |> texts) "the same"
            }

            test "where it is fixed how long metrics settle, the lag is said and not followed" {
                let decisions = run false 2 0.0 1 uninterrupted

                Expect.exists decisions (fun decided -> (told decided).Intervals = 2) "told"
                Expect.all decisions (fun decided -> not (told decided).IsFollowed) "not followed"
            }
        ]
