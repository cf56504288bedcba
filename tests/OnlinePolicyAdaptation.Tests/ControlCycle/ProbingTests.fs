module OnlinePolicyAdaptation.Tests.ControlCycle.ProbingTests

open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests

let private key = RandomKey 29UL
let private generous = { Share = 0.05; MaximumMiss = 0.5 }

let private settingsWith probes =
    let settings = TwoNodes.settings (Planner.Rollout 3)

    { settings with
        Leaves = LeafValues.BetterOf
        FollowsLag = false
        Estimation.Forgetting = Forgetting.ByFactors 10
        Estimation.RegrownTrees = 5
        Guard.Probes = probes
    }

/// The formula's response time with noise of two percent.
let private seconds onNode2 cycle configuration =
    let mutable sequence = key.Split(cycle + 100_000).Sequence()

    TwoNodes.responseTime onNode2 configuration
    * exp (0.02 * FilteredNodes.normal &sequence)

/// Every configuration measured six times while node 2 answers in 0.08 s.
let private history =
    [
        for round in 0..5 do
            for i, configuration in List.indexed TwoNodes.configurations ->
                { TwoNodes.sample 0.0 configuration with
                    ResponseTimes = TwoNodes.array [ ResponseTime(seconds 0.08 (-1000 + 30 * round + i) configuration) ]
                }
    ]

/// What a controller decided in closed loop with nodes of which the second answers in a time by the cycle, and its last state.
let private run settings cycles (onNode2: int -> float) carried =
    let controller = Cycle.create settings history key

    let step (state, configuration) cycle =
        let interval =
            Metrics(
                int64 cycle,
                configuration,
                TwoNodes.array
                    [
                        ServiceMetrics(
                            RequestRate 5.0,
                            RequestRate carried,
                            ResponseTime(seconds (onNode2 cycle) cycle configuration)
                        )
                    ]
            )

        let step =
            Cycle.step controller state (Input.Arrived(Arrival.ofMetrics cycle interval, ValueNone))

        match step.Decided with
        | Element.Interval(_, decision) -> decision, (step.State, decision.Target)
        | Element.Event event -> failtest $"{event}"

    let decisions, (state, _) =
        ((Cycle.start controller, TwoNodes.configuration 0.2 2.0), [ 0 .. cycles - 1 ])
        ||> List.mapFold step

    controller, decisions, state

/// Node 2 is nearly four times slower for a while.
let private slowFor first last cycle =
    if cycle >= first && cycle < last then 0.3 else 0.08

let private probes (decisions: Decision list) =
    decisions |> List.filter (fun decision -> decision.By = DecidedBy.Probe)

let private inForce (decision: Decision) = decision.Record.Metrics.Configuration

let private controller, private recovering, private last =
    run (settingsWith generous) 140 (slowFor 15 55) 5.0

let private shareOfNode2 (configuration: Configuration) =
    1.0 - TwoNodes.controls[0].Value configuration.Levels[0]

/// A share, and whether a probe is wanted in each of some cycles.
let private wishes =
    Gen.zip (Gen.elements [ 0.0; 0.01; 0.05; 0.3; 1.0 ]) (Gen.listOfLength 80 (Gen.elements [ true; true; false ]))

/// The cycles in which probes go out that are wanted.
let private granted (share, wanted: bool list) =
    ((ProbeBudget.full, []), List.indexed wanted)
    ||> List.fold (fun (budget, cycles) (cycle, isWanted) ->
        if isWanted && ProbeBudget.isLeft share cycle budget then
            ProbeBudget.after share cycle budget, cycle :: cycles
        else
            budget, cycles)
    |> snd
    |> List.rev

let private isWithin share cycles =
    for first in cycles do
        for last in cycles do
            if last >= first then
                let count =
                    cycles
                    |> List.filter (fun cycle -> cycle >= first && cycle <= last)
                    |> List.length

                Expect.isLessThanOrEqual
                    (float count)
                    (share * float (last - first) + ProbeBudget.burst + 1e-9)
                    $"{first} to {last}"

let private keepsToBudget (share, wanted: bool list) =
    let cycles = granted (share, wanted)
    isWithin share cycles

    if share = 0.0 then
        Expect.isEmpty cycles "never"
    else
        Expect.isGreaterThanOrEqual
            cycles.Length
            (min (int ProbeBudget.burst) (List.filter id wanted).Length)
            "a few at once"

let private proposal action cycle : Proposal =
    {
        Cycle = cycle
        Time = System.DateTimeOffset.UnixEpoch
        Age = ValueNone
        IsLate = false
        Error = ValueNone
        Samples = ValueSome 100
        Configuration = TwoNodes.configuration 0.4 3.0
        Outage = ValueNone
        Action = ControlAction(TwoNodes.array action)
        IsProbe = true
        IsUnplanned = false
        Fallback = ControlAction.Keep 2
    }

let private judged guard state action cycle =
    Guard.check (Guard.rules guard) state (proposal action cycle)

[<Tests>]
let tests =
    testList
        "ControlCycle.Probing"
        [
            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 100
                }
                "in any time no more probes go out than the share of its cycles and a few"
                (Prop.forAll (Arb.fromGen wishes) keepsToBudget)

            test "a node that recovers unseen is found and used again" {
                let settled = recovering |> List.item 139 |> inForce
                Expect.equal (inForce recovering[54]) (TwoNodes.configuration 1.0 2.0) "left while it is slow"
                Expect.equal settled.Levels[1] 0 "one core"
                Expect.isGreaterThan (shareOfNode2 settled) 0.7 "used"
            }

            test "a probe is one step of one control that gives its node more requests, in place of keeping" {
                Expect.isNonEmpty (probes recovering) "some"

                for probe in probes recovering do
                    let moves = probe.Action.Moves |> Seq.map abs |> Seq.sum
                    Expect.equal moves 1 "one step"
                    Expect.equal probe.Record.Action probe.Action "as recorded"
                    let before, after = shareOfNode2 (inForce probe), shareOfNode2 probe.Target

                    match probe.Record.Probe with
                    | ValueSome 0 -> Expect.isLessThan after before "towards node 1"
                    | ValueSome 1 -> Expect.isGreaterThan after before "towards node 2"
                    | other -> failtest $"{other}"
            }

            test "a look that costs is over after one cycle, and the next one takes longer" {
                let costly =
                    [
                        for probe, next in List.pairwise recovering do
                            if probe.By = DecidedBy.Probe && probe.Record.Cycle < 55 && probe.Record.Cycle > 20 then
                                probe, next
                    ]

                Expect.isNonEmpty costly "some"

                for probe, next in costly do
                    Expect.equal next.Target (inForce probe) "back"

                let waits =
                    costly
                    |> List.map (fun (probe, _) -> probe.Record.Cycle)
                    |> List.pairwise
                    |> List.map (fun (a, b) -> b - a)

                Expect.equal waits (List.sort waits) "longer and longer"
            }

            test "a look that costs nothing goes on, and counts as one" {
                let controller, decisions, state =
                    run (settingsWith generous) 40 (fun cycle -> if cycle >= 15 then 0.12 else 0.08) 5.0

                let goesOn =
                    List.pairwise decisions
                    |> List.filter (fun (first, second) ->
                        first.By = DecidedBy.Probe
                        && second.By = DecidedBy.Probe
                        && first.Record.Probe = second.Record.Probe)

                Expect.isNonEmpty goesOn "one after the other"

                let looks =
                    (Cycle.find<ProbingState> controller "probe" state).Nodes |> Array.sumBy _.Looks

                Expect.isLessThan looks (probes decisions).Length "as one"
                probes decisions |> List.map _.Record.Cycle |> isWithin generous.Share
            }

            test "a closed loop keeps to the share" {
                probes recovering |> List.map _.Record.Cycle |> isWithin generous.Share
            }

            test "no probe without a share, in shadow mode, while requests are lost, or where it may miss too much" {
                let cases =
                    [
                        "share", settingsWith { generous with Share = 0.0 }, 5.0
                        "shadow",
                        { settingsWith generous with
                            Mode = Mode.Shadow
                        },
                        5.0
                        "lost",
                        { settingsWith generous with
                            Losses = TwoNodes.losses
                        },
                        2.0
                    ]

                for name, settings, carried in cases do
                    let _, decisions, _ = run settings 70 (slowFor 15 70) carried
                    Expect.isEmpty (probes decisions) name

                // Every look at the slow node misses its bound by a tenth.
                let _, decisions, _ =
                    run (settingsWith { generous with MaximumMiss = 0.02 }) 70 (slowFor 15 70) 5.0

                Expect.isEmpty
                    (probes decisions
                     |> List.filter (fun probe -> probe.Record.Cycle > 20 && probe.Record.Probe = ValueSome 1))
                    "miss"
            }

            test "a replay remembers the probes, and a checkpoint too" {
                let replayed =
                    (Cycle.start controller, recovering)
                    ||> List.fold (fun state decision ->
                        let arrival = Arrival.ofMetrics decision.Record.Cycle decision.Record.Metrics

                        match arrival.Content with
                        | Ok interval ->
                            let wentOut =
                                {
                                    Action = decision.Action
                                    Probe = decision.Record.Probe
                                }

                            (Cycle.step controller state (Input.Replayed(arrival, interval, wentOut))).State
                        | Error fault -> failtest $"{fault}")

                let bytes = Checkpoint.write controller last
                Expect.equal (Checkpoint.write controller replayed) bytes "replayed"

                match Checkpoint.read controller "checkpoint" bytes with
                | Ok state -> Expect.equal (Checkpoint.write controller state) bytes "read"
                | Error message -> failtest message

                let probing = Cycle.find<ProbingState> controller "probe" last
                Expect.isLessThan probing.Budget.Left ProbeBudget.burst "spent"
            }

            test "the guard holds a probe of two steps, and one beyond the share" {
                let guard =
                    { Guard.permissive TwoNodes.grid with
                        Probes = generous
                    }

                let fresh = Guard.start 2

                let spent =
                    { fresh with
                        Probes = { Left = 0.5; Cycle = 10 }
                    }

                let names (guarded: GuardedAction) = guarded.Rules |> List.map _.Rule
                Expect.isEmpty (names (judged guard fresh [ 1; 0 ] 10)) "one step"
                Expect.equal (names (judged guard fresh [ 1; 1 ] 10)) [ "probe" ] "two"
                Expect.equal (names (judged guard spent [ 1; 0 ] 19)) [ "probe" ] "too soon"
                Expect.isEmpty (names (judged guard spent [ 1; 0 ] 20)) "ten cycles later"
                Expect.isTrue (judged guard spent [ 1; 0 ] 19).Action.IsKeep "held"
                Expect.equal (names (judged (Guard.permissive TwoNodes.grid) fresh [ 1; 0 ] 10)) [ "probe" ] "share 0"
            }
        ]
