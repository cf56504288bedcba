module OnlinePolicyAdaptation.Tests.ControlCycle.Cycle

open Expecto
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests

let private rollout = TwoNodes.settings (Planner.Rollout 3)

/// A controller that has measured the whole system, with node 2 at this speed.
let private informedOf settings onNode2 =
    Cycle.create settings (TwoNodes.configurations |> List.map (TwoNodes.sample onNode2)) (RandomKey 7UL)

let private informed onNode2 = informedOf rollout onNode2

let private uninformed = Cycle.create rollout [] (RandomKey 7UL)

/// What the cycle makes of the metrics of a number.
let private tryStep cycle state number metrics =
    let step =
        Cycle.step cycle state (Input.Arrived(Arrival.ofMetrics number metrics, ValueNone))

    match step.Decided with
    | Element.Interval(_, decision) -> ValueSome(struct (step.State, decision.Record))
    | Element.Event _ -> ValueNone

let private step cycle state number metrics =
    match tryStep cycle state number metrics with
    | ValueSome(state, record) -> state, record
    | ValueNone -> failtest "it was not decided on"

let private first cycle metrics =
    step cycle (Cycle.start cycle) 0 metrics |> snd

/// Runs the cycle in closed loop with the formula; the records in order.
let private loop cycle onNode2 start cycles =
    ((Cycle.start cycle, start, []), [ 0 .. cycles - 1 ])
    ||> List.fold (fun (state, configuration, records) number ->
        let seconds = ValueSome(TwoNodes.responseTime onNode2 configuration)

        let state, record =
            step cycle state number (TwoNodes.metrics number configuration seconds)

        state, record.Next, record :: records)
    |> fun (_, _, records) -> List.rev records

let private corner = TwoNodes.configuration 1.0 5.0

/// A cycle in closed loop: the configurations one after the other, and the rules that fired.
let private looped cycle onNode2 start cycles =
    ((Cycle.start cycle, start, []), [ 0 .. cycles - 1 ])
    ||> List.fold (fun (state, configuration, past) number ->
        let seconds = ValueSome(TwoNodes.responseTime onNode2 configuration)
        let metrics = TwoNodes.metrics number configuration seconds

        let stepped =
            Cycle.step cycle state (Input.Arrived(Arrival.ofMetrics number metrics, ValueNone))

        match stepped.Decided with
        | Element.Interval(_, decision) ->
            stepped.State, decision.Target, (configuration, decision.Rules |> List.map _.Rule) :: past
        | Element.Event _ -> failtest "it was not decided on")
    |> fun (_, last, past) -> (List.rev past |> List.map fst) @ [ last ], List.collect snd past

/// The same of a controller with a guard that has measured the whole system.
let private guarded guard leaves planner onNode2 start cycles =
    let settings =
        { TwoNodes.settings planner with
            Guard = guard (Guard.permissive TwoNodes.grid)
            Leaves = leaves
        }

    looped (informedOf settings onNode2) onNode2 start cycles

/// In closed loop where configurations of fewer than three cores lose this share of their requests and answer the rest in 20 ms:
/// the configurations one after the other, with the errors.
let private losing share cycles =
    let settings =
        { TwoNodes.settings (Planner.Rollout 3) with
            Losses = TwoNodes.losses
        }

    let cycle = informedOf settings 0.08

    ((Cycle.start cycle, corner, []), [ 0 .. cycles - 1 ])
    ||> List.fold (fun (state, configuration, past) number ->
        let services =
            if configuration.Levels[1] < 2 then
                TwoNodes.array
                    [
                        ServiceMetrics(RequestRate 5.0, RequestRate(5.0 * (1.0 - share)), ResponseTime 0.02)
                    ]
            else
                let seconds = ValueSome(TwoNodes.responseTime 0.08 configuration)
                (TwoNodes.metrics number configuration seconds).Services

        let state, record =
            step cycle state number (Metrics(number, configuration, services))

        state, record.Next, (configuration, record) :: past)
    |> fun (_, _, past) -> List.rev past

let private lossesAreLeft () =
    for share in [ 0.1; 0.5; 0.96 ] do
        let past = losing share 80

        let missed =
            past
            |> List.filter (fun (_, record) ->
                record.Errors
                |> List.exists (function
                    | CycleError.RequestsLost _ -> true
                    | _ -> false))

        Expect.isNonEmpty missed $"{share}: said"

        for configuration, record in missed do
            Expect.isLessThan configuration.Levels[1] 2 $"{share}: where requests are lost"

            Expect.isTrue
                (record.Reward |> ValueOption.forall (fun reward -> reward < 0.0))
                $"{share}: the SLO is missed"

        for configuration, record in List.skip 60 past do
            Expect.equal configuration.Levels[1] 2 $"{share}: as few cores as lose nothing"
            Expect.equal record.Errors [] $"{share}: nothing is lost there"

let private guardedPlanners =
    [
        for leaves in [ LeafValues.Base; LeafValues.BetterOf ] do
            for planner in
                [
                    Planner.Rollout 1
                    Planner.Rollout 3
                    Planner.MultiagentRollout 2
                    Planner.BasePolicy
                ] -> leaves, planner
    ]

let private coreBoundsArePlannedWith () =
    let levels lowest = [| struct (0, 5); struct (lowest, 4) |]

    let kinds lowest : (GuardSettings -> GuardSettings) list =
        [
            fun guard -> { guard with Bounds = levels lowest }
            fun guard -> { guard with Explored = levels lowest }
            fun guard ->
                { guard with
                    Bounds = levels (lowest - 1)
                    Explored = levels lowest
                }
        ]

    for lowest, bounded in
        [ 1; 2; 3 ]
        |> List.collect (fun lowest -> kinds lowest |> List.map (fun kind -> lowest, kind)) do
        for leaves, planner in guardedPlanners do
            let path, rules = guarded bounded leaves planner 0.08 corner 12
            Expect.equal rules [] $"{planner}: nothing is barred"

            let levels = path |> List.map _.Levels[1]
            Expect.equal (List.min levels) lowest $"{planner}: as few cores as the bounds allow"
            Expect.equal (List.last levels) lowest $"{planner}: and there it stays"

let private boundsAreEntered () =
    let bounded (guard: GuardSettings) =
        { guard with
            Bounds = [| struct (0, 0); struct (0, 4) |]
        }

    for leaves, planner in guardedPlanners do
        let path, rules = guarded bounded leaves planner 0.08 corner 8
        Expect.equal rules [] $"{planner}: nothing is barred"

        Expect.equal (path |> List.map _.Levels[0]) [ 5; 4; 3; 2; 1; 0; 0; 0; 0 ] $"{planner}: in the fewest moves"

/// With node 2 slow and few moves of a control within an hour, and the better way far off.
let private limitedMovesAreCounted () =
    for most in [ 1; 2; 3 ] do
        let limited (guard: GuardSettings) =
            { guard with
                MaximumChanges = most
                StabilisationWindow = System.TimeSpan.FromHours 1.0
            }

        for leaves, planner in guardedPlanners do
            for onNode2 in [ 0.08; 0.3 ] do
                let path, rules = guarded limited leaves planner onNode2 corner 20
                Expect.equal rules [] $"{planner}: nothing is barred"

                if planner <> Planner.BasePolicy then
                    let earned =
                        [
                            for from, next in List.pairwise path ->
                                TwoNodes.reward.Reward(
                                    from,
                                    next,
                                    System.ReadOnlySpan [| TwoNodes.responseTime onNode2 next |]
                                )
                        ]

                    // Holding earns nothing: all cores, and the bound is met.
                    Expect.isGreaterThanOrEqual (List.min earned) 0.0 $"{planner}: no bound is missed on the way"
                    Expect.isGreaterThan (List.last earned) 0.0 $"{planner}: and cores are saved"

/// Moves the routing weight up and down between two levels for ever.
let private toAndFro =
    { new IPolicy<SystemState, ControlAction> with
        member _.Act(state, _, _) =
            let up = if state.Configuration.Levels[0] < 3 then 1 else -1
            ControlAction(TwoNodes.array [ up; 0 ])
    }

let private withToAndFro guard planner =
    { TwoNodes.settings planner with
        BasePolicy = toAndFro
        Guard = guard (Guard.permissive TwoNodes.grid)
    }

/// How often the routing weight moves.
let private moves path =
    path
    |> List.map (fun (configuration: Configuration) -> configuration.Levels[0])
    |> List.pairwise
    |> List.filter (fun (one, other) -> one <> other)
    |> List.length

let private fallbacksHoldStill () =
    // No prediction is that good: the base policy acts in place of all plans, and no rule but this one looks at it.
    let distrusted (guard: GuardSettings) = { guard with MaximumError = 1e-12 }

    let path, rules =
        looped (informedOf (withToAndFro distrusted (Planner.Rollout 3)) 0.08) 0.3 corner 40

    Expect.contains rules "poorModel" "it falls back"
    Expect.isLessThanOrEqual (path |> List.skip 10 |> moves) 1 "with a model: it stays where moving gains nothing"

let private fallbacksWithoutAModelTurnRarely () =
    let steady cycles (guard: GuardSettings) = { guard with ReversalCycles = cycles }

    let turns planner cycles =
        let settings =
            { withToAndFro (steady cycles) planner with
                Estimation =
                    { (TwoNodes.settings planner).Estimation with
                        MinimumSamples = 1000
                    }
            }

        looped (Cycle.create settings [] (RandomKey 7UL)) 0.08 corner 43 |> fst |> moves

    // From level 5 to 2 in three moves, and then to and fro.
    Expect.equal (turns (Planner.Rollout 3) 0) 43 "where nothing holds it"
    Expect.equal (turns (Planner.Rollout 3) 3) (3 + 10) "once in four cycles"
    Expect.equal (turns Planner.BasePolicy 3) 43 "the base policy itself does as it does"

/// Any metrics a service may report, sane or not.
type AnyMetrics =
    static member Metrics() =
        let number =
            Gen.frequency
                [
                    8, Gen.choose (0, 1000) |> Gen.map (fun n -> float n / 100.0)
                    1, Gen.elements [ nan; infinity; -1.0 ]
                ]

        let service =
            gen {
                let! offered = number
                let! carried = number
                let! seconds = number
                let! served = Gen.elements [ true; true; true; false ]

                let time =
                    if served then
                        System.Nullable(ResponseTime seconds)
                    else
                        System.Nullable()

                return ServiceMetrics(RequestRate offered, RequestRate carried, time)
            }

        gen {
            let! services = Gen.frequency [ 9, Gen.constant 1; 1, Gen.choose (0, 3) ]
            let! measured = Gen.listOfLength services service
            let! p = Gen.choose (0, 5)
            let! c = Gen.frequency [ 9, Gen.choose (0, 4); 1, Gen.choose (-1, 9) ]
            return Metrics(0L, Configuration(TwoNodes.array [ p; c ]), TwoNodes.array measured)
        }
        |> Arb.fromGen

let private anyMetrics =
    { FsCheckConfig.defaultConfig with
        arbitrary = [ typeof<AnyMetrics> ]
    }

[<Tests>]
let tests =
    testList
        "ControlCycle.Cycle"
        [
            test "recovers when the system changes, where the base policy does not" {
                // The base policy goes to p11 = 0, c1 = 1, which is right while node 2 is fast.
                let records settings =
                    loop (informedOf settings 0.08) 0.3 (TwoNodes.configuration 0.0 1.0) 40

                let last settings = (records settings |> List.last).Reward
                Expect.equal (last (TwoNodes.settings Planner.BasePolicy)) (ValueSome -0.18) "0.12 s - 0.3 s"

                for planner in [ Planner.Rollout 3; Planner.MultiagentRollout 3 ] do
                    match last (TwoNodes.settings planner) with
                    | ValueSome reward -> Expect.isGreaterThanOrEqual reward 0.4 "p11 = 1 with 3 cores or fewer"
                    | ValueNone -> failtest "no reward"
            }

            testCase
                "as a fallback, a base policy that goes to and fro holds still where the model sees no gain"
                fallbacksHoldStill
            testCase
                "as a fallback without a model, it turns back only after some cycles"
                fallbacksWithoutAModelTurnRarely

            test "rollout of a policy that draws its actions improves its expected value, whatever it would draw" {
                let settings =
                    { TwoNodes.settings (Planner.Rollout 1) with
                        BasePolicy = RandomPolicy()
                    }

                let estimate = Cycle.estimator (informed 0.08) (Cycle.start (informed 0.08))

                let decide key =
                    let cycle = Cycle.compose settings estimate (RandomKey key)
                    let record = first cycle (TwoNodes.metrics 0 corner ValueNone)
                    Expect.isTrue (ValueOption.isSome record.QFactor) "planned with the model that was given"
                    record.Action, record.QFactor

                for key in 2UL .. 9UL do
                    Expect.equal (decide key) (decide 1UL) "action and Q-factor"
            }

            testPropertyWithConfig
                anyMetrics
                "decides on any metrics one after the other, and its action is never masked"
                (fun (run: Metrics list) ->
                    for cycle in [ uninformed; informed 0.08 ] do
                        (Cycle.start cycle, List.indexed run)
                        ||> List.fold (fun state (number, metrics) ->
                            let state, record = step cycle state number metrics

                            Expect.isFalse
                                (record.Errors |> List.exists _.IsStageFailed)
                                $"no stage fails: {record.Errors}"

                            if rollout.Grid.Contains metrics.Configuration then
                                let mask = rollout.Grid.Mask metrics.Configuration

                                for i in 0 .. mask.Components - 1 do
                                    Expect.isTrue (mask.Allows(i, record.Action.Choice i)) "admissible"

                                Expect.isTrue (rollout.Grid.Contains record.Next) "on the grid"

                            state)
                        |> ignore)

            testPropertyWithConfig anyMetrics "same state and metrics, same decision" (fun (metrics: Metrics) ->
                let decide () =
                    let record = first (informed 0.08) metrics
                    record.Action, record.QFactor, record.Errors

                Expect.equal (decide ()) (decide ()) "bit for bit")

            test "replaying the metrics of a run gives the same decisions" {
                let cycle = informed 0.08
                let records = loop cycle 0.3 corner 12

                let replayed =
                    (Cycle.start cycle, records)
                    ||> List.mapFold (fun state record ->
                        let state, again = step cycle state record.Cycle record.Metrics
                        again, state)
                    |> fst

                Expect.equal
                    (replayed |> List.map (fun r -> r.Action, r.QFactor))
                    (records |> List.map (fun r -> r.Action, r.QFactor))
                    "the same"
            }

            test "a model fitted beside the cycles decides as one fitted in them, once it is in place" {
                let metrics n =
                    TwoNodes.metrics n corner (ValueSome 0.3)

                let input n =
                    Input.Arrived(Arrival.ofMetrics n (metrics n), ValueNone)

                let beside = informedOf { rollout with Clock = Clock.RealTime } 0.08

                let early = Cycle.step beside (Cycle.start beside) (input 0)

                match early.Decided with
                | Element.Interval(_, decision) ->
                    Expect.equal (decision.Record.Model |> ValueOption.map _.FittedAt) (ValueSome -1) "the model before"
                    Expect.isTrue decision.IsRefitAsked "one is asked for"
                    Expect.equal decision.Refit ValueNone "and made beside"
                | Element.Event _ -> failtest "no decision"

                match early.Request with
                | ValueNone -> failtest "nothing was asked for"
                | ValueSome request ->
                    let again = Cycle.step beside early.State (input 1)
                    Expect.equal again.Request ValueNone "one at a time"
                    let refit = Cycle.refit beside System.TimeProvider.System request
                    let installed = Cycle.step beside early.State (Input.Refitted refit)

                    match Cycle.step beside installed.State (input 1) with
                    | {
                          Decided = Element.Interval(_, decision)
                          Request = ValueSome _
                      } ->
                        let within, _ = step (informed 0.08) (Cycle.start (informed 0.08)) 0 (metrics 0)
                        let late = decision.Record

                        Expect.equal (late.Model |> ValueOption.map _.FittedAt) (ValueSome 0) "the model after"

                        // The one that refits in its cycles has the next model already, so the model decides alone.
                        let model state cycle =
                            match (Cycle.estimator cycle state).Estimator.Model with
                            | Ok model -> Estimator.predict model corner TwoNodes.load, model.Samples
                            | Error error -> failtest $"{error}"

                        Expect.equal
                            (model installed.State beside)
                            (model within (informed 0.08))
                            "the same as in one step"
                    | other -> failtest $"{other}"
            }

            test "plans kept from earlier cycles change no decision" {
                let cycle =
                    informedOf
                        { rollout with
                            Estimation =
                                { rollout.Estimation with
                                    RefitEvery = 4
                                }
                        }
                        0.08

                let stages = Cycle.stages cycle

                let decisions keep =
                    (stages |> List.map _.Start, [ 0..9 ])
                    ||> List.mapFold (fun states number ->
                        let metrics = TwoNodes.metrics number corner (ValueSome 0.08)

                        let entered =
                            Chain.enter (Input.Arrived(Arrival.ofMetrics number metrics, ValueNone))

                        let next, passing =
                            (entered, List.zip stages states)
                            ||> List.mapFold (fun passing (stage, state) ->
                                let state = if keep || stage.Name <> "adapt" then state else stage.Start

                                let struct (next, passed) = Chain.step stage state passing
                                next, passed)

                        match Chain.output cycle.Deciding passing with
                        | Element.Interval(_, { Record = record }) ->
                            (record.Action, record.QFactor, record.Model), next
                        | Element.Event _ -> failtest "no decision")
                    |> fst

                Expect.equal (decisions true) (decisions false) "the same plan"
            }

            test "metrics without a response time are recorded, and the last model is planned with" {
                let cycle = informed 0.08
                let before = Cycle.start cycle
                let state, record = step cycle before 0 (TwoNodes.metrics 0 corner ValueNone)
                Expect.equal record.Errors [ CycleError.IncompleteMetrics 0 ] "said"
                Expect.equal record.Reward ValueNone "unknown"
                Expect.isTrue (ValueOption.isSome record.QFactor) "planned"

                let samples state =
                    SampleWindow.count (Cycle.estimator cycle state).Estimator.Window

                Expect.equal (samples state) (samples before) "nothing learned"
            }

            testCase "configurations that lose requests are left for the best that does not" lossesAreLeft

            test "with too few samples the base policy acts, and the record says so" {
                let record = first uninformed (TwoNodes.metrics 0 corner (ValueSome 0.1))

                Expect.equal record.Errors [ CycleError.TooFewSamples(1, 10) ] "how many"
                Expect.equal record.Action.Moves (TwoNodes.array [ -1; -1 ]) "the base policy's"
                Expect.equal record.Predicted ValueNone "no model"
            }

            test "metrics that contradict the settings hold the configuration" {
                let record = first (informed 0.08) (TwoNodes.metrics 0 corner (ValueSome nan))

                match record.Errors with
                | [ CycleError.UnusableMetrics reason ] -> Expect.stringContains reason "NaN" "what"
                | other -> failtest $"{other}"

                Expect.isTrue record.Action.IsKeep "held"
            }

            test "the reward is that of the step that led to the metrics" {
                let records = loop (informed 0.08) 0.08 corner 3

                for record in records do
                    let seconds = TwoNodes.responseTime 0.08 record.Metrics.Configuration

                    let expected =
                        TwoNodes.reward.Reward(corner, record.Metrics.Configuration, System.ReadOnlySpan [| seconds |])

                    Expect.equal record.Reward (ValueSome expected) "charged at the state reached"
            }

            test "where the state one leaves is charged, it is the configuration of the interval before" {
                let settings =
                    { TwoNodes.settings Planner.BasePolicy with
                        Reward =
                            RewardFunction(
                                TwoNodes.grid,
                                TwoNodes.array [ TwoNodes.objective ],
                                [ Seq.ofList [ 1 ] ],
                                CostAt.CurrentState,
                                3
                            )
                    }

                let cycle = Cycle.create settings [] (RandomKey 7UL)

                let rewards =
                    (Cycle.start cycle, List.indexed [ 5.0; 4.0; 2.0; 2.0 ])
                    ||> List.mapFold (fun state (number, cores) ->
                        let state, record =
                            step
                                cycle
                                state
                                number
                                (TwoNodes.metrics number (TwoNodes.configuration 1.0 cores) (ValueSome 0.09))

                        record.Reward, state)
                    |> fst

                // 1 - c1/5 of the interval before; the first has none and is charged for its own.
                Expect.equal rewards [ ValueSome 0.0; ValueSome 0.0; ValueSome 0.2; ValueSome 0.6 ] "by hand"
            }

            test "no chance of a plan is that of an action" {
                let actions = ResizeArray<RandomKey>()
                let mutable isPlanning = false
                let plans = ResizeArray<RandomKey>()

                let drawing =
                    { new IPolicy<SystemState, ControlAction> with
                        member _.Act(_, _, key) =
                            (if isPlanning then plans else actions).Add key
                            ControlAction.Keep TwoNodes.grid.Controls.Count
                    }

                let settings = { rollout with BasePolicy = drawing }

                // Refits beside plan ahead, so that a decision asks for its own action alone.
                let cycle = informedOf { settings with Clock = Clock.RealTime } 0.08

                let refit request =
                    isPlanning <- true
                    let refit = Cycle.refit cycle System.TimeProvider.System request
                    isPlanning <- false
                    refit

                let mutable state = Cycle.start cycle

                for number in 0..6 do
                    if number = 1 then
                        actions.Clear() // the first decision had to plan as well

                    let metrics = TwoNodes.metrics number corner (ValueSome 0.09)

                    let step =
                        Cycle.step cycle state (Input.Arrived(Arrival.ofMetrics number metrics, ValueNone))

                    state <-
                        match step.Request with
                        | ValueSome request -> (Cycle.step cycle step.State (Input.Refitted(refit request))).State
                        | ValueNone -> failtest "a refit is due after each"

                Expect.hasLength (Seq.distinct actions) 6 "each cycle draws its own"
                Expect.isNonEmpty plans "plans were made"

                // In a plan a state is drawn for by a child of the plan's key, so no plan's key may be an action's.
                let children =
                    set
                        [
                            for key in actions do
                                for i in 0 .. TwoNodes.grid.ConfigurationCount - 1 -> key.Split(i).Value
                        ]

                for key in plans do
                    Expect.isFalse (actions.Contains key || children.Contains key.Value) "another one"
            }

            testCase "bounds of cores are planned with" coreBoundsArePlannedWith
            testCase "bounds that one is outside of are entered" boundsAreEntered
            testCase "a limit of moves is planned with" limitedMovesAreCounted

            test "of 65 loads in turn the plans of the newest 64 are kept, the least recently used going first" {
                let cycle = informed 0.08

                match (Cycle.estimator cycle (Cycle.start cycle)).Estimator.Model with
                | Error error -> failtest $"{error}"
                | Ok model ->
                    let planned (load: int) plans =
                        Plans.planFor
                            rollout
                            model
                            (TwoNodes.array [ RequestRate(float (5 * load)) ])
                            (RandomKey 1UL)
                            System.Threading.CancellationToken.None
                            plans

                    let made (load: int) plans =
                        match planned load plans with
                        | Ok plan, plans -> plan, plans
                        | Error error, _ -> failtest $"{error}"

                    let first, filled =
                        (Plans.none, [ 1..64 ]) ||> List.mapFold (fun plans load -> made load plans)
                    // Load 1 is used again, so that load 2 is the one not used for longest when the 65th comes.
                    let again, touched = made 1 filled
                    Expect.isTrue (obj.ReferenceEquals(again, first[0])) "kept"
                    let _, full = made 65 touched

                    for load in [ 1; 3 ] @ [ 4..64 ] do
                        let plan, _ = made load full
                        Expect.isTrue (obj.ReferenceEquals(plan, first[load - 1])) $"load {load} is kept"

                    let anew, _ = made 2 full
                    Expect.isFalse (obj.ReferenceEquals(anew, first[1])) "load 2 is planned for anew"

                    let decided plan =
                        let here = SystemState(corner, TwoNodes.array [ RequestRate 10.0 ])
                        let keep = ControlAction.Keep 2
                        let mask = TwoNodes.grid.Mask corner
                        let left = MoveLimits.noLimit TwoNodes.grid
                        Plans.decide plan left here mask keep System.Threading.CancellationToken.None

                    Expect.equal (decided anew) (decided first[1]) "and as before"
            }
        ]
