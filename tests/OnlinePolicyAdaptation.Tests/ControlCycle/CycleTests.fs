module OnlinePolicyAdaptation.Tests.ControlCycle.Cycle

open Expecto
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Tests

let private rollout = TwoNodes.settings (Planner.Rollout 3)

/// A controller that has measured the whole system, with node 2 at this speed.
let private informed onNode2 =
    Cycle.start rollout (TwoNodes.configurations |> List.map (TwoNodes.sample onNode2)) (RandomKey 7UL)

let private uninformed = Cycle.start rollout [] (RandomKey 7UL)

/// Runs the cycle in closed loop with the formula; the records in order.
let private loop settings state onNode2 start cycles =
    ((state, start, []), [ 0 .. cycles - 1 ])
    ||> List.fold (fun (state, configuration, records) cycle ->
        let seconds = ValueSome(TwoNodes.responseTime onNode2 configuration)

        let state, record =
            Cycle.step settings state (TwoNodes.metrics cycle configuration seconds)

        state, record.Next, record :: records)
    |> fun (_, _, records) -> List.rev records

let private corner = TwoNodes.configuration 1.0 5.0

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
                    loop settings (informed 0.08) 0.3 (TwoNodes.configuration 0.0 1.0) 40

                let last settings = (records settings |> List.last).Reward
                Expect.equal (last (TwoNodes.settings Planner.BasePolicy)) (ValueSome -0.18) "0.12 s - 0.3 s"

                for planner in [ Planner.Rollout 3; Planner.MultiagentRollout 3 ] do
                    match last (TwoNodes.settings planner) with
                    | ValueSome reward -> Expect.isGreaterThanOrEqual reward 0.4 "p11 = 1 with 3 cores or fewer"
                    | ValueNone -> failtest "no reward"
            }

            test "rollout of a policy that draws its actions improves its expected value, whatever it would draw" {
                let settings =
                    { TwoNodes.settings (Planner.Rollout 1) with
                        BasePolicy = RandomPolicy()
                    }

                let decide key =
                    let state =
                        { informed 0.08 with
                            Key = RandomKey key
                        }

                    match Cycle.observe settings state (TwoNodes.metrics 0 corner (ValueSome 0.08)) with
                    | Ok(state, observed) ->
                        let _, record = Cycle.decide settings state observed
                        record.Action, record.QFactor
                    | Error error -> failtest $"{error}"

                for key in 2UL .. 9UL do
                    Expect.equal (decide key) (decide 1UL) "action and Q-factor"
            }

            testPropertyWithConfig anyMetrics "is total, and its action is never masked" (fun (metrics: Metrics) ->
                for state in [ uninformed; informed 0.08 ] do
                    let _, record = Cycle.step rollout state metrics

                    if rollout.Grid.Contains metrics.Configuration then
                        let mask = rollout.Grid.Mask metrics.Configuration

                        for i in 0 .. mask.Components - 1 do
                            Expect.isTrue (mask.Allows(i, record.Action.Choice i)) "admissible"

                        Expect.isTrue (rollout.Grid.Contains record.Next) "on the grid")

            testPropertyWithConfig anyMetrics "same state and metrics, same decision" (fun (metrics: Metrics) ->
                let decide () =
                    let _, record = Cycle.step rollout (informed 0.08) metrics
                    record.Action, record.QFactor, record.Errors

                Expect.equal (decide ()) (decide ()) "bit for bit")

            test "replaying the metrics of a run gives the same decisions" {
                let records = loop rollout (informed 0.08) 0.3 corner 12

                let replayed =
                    (informed 0.08, records)
                    ||> List.mapFold (fun state record ->
                        let state, again = Cycle.step rollout state record.Metrics
                        again, state)
                    |> fst

                Expect.equal
                    (replayed |> List.map (fun r -> r.Action, r.QFactor))
                    (records |> List.map (fun r -> r.Action, r.QFactor))
                    "the same"
            }

            test "a model fitted beside the cycles decides as one fitted in them, once it is in place" {
                let metrics = TwoNodes.metrics 0 corner (ValueSome 0.3)
                let _, whole = Cycle.step rollout (informed 0.08) metrics

                match Cycle.observe rollout (informed 0.08) metrics with
                | Error error -> failtest $"{error}"
                | Ok(state, observed) ->
                    Expect.isTrue (Cycle.isRefitDue rollout state) "something was measured"
                    let struct (snapshot, begun) = Cycle.beginRefit rollout state
                    let fitted = Cycle.refit rollout snapshot
                    let _, early = Cycle.decide rollout begun observed
                    let _, late = Cycle.decide rollout (Cycle.install fitted begun) observed

                    Expect.equal (early.Model |> ValueOption.map _.FittedAt) (ValueSome -1) "the model before"
                    Expect.equal (late.Model |> ValueOption.map _.FittedAt) (ValueSome 0) "the model after"
                    Expect.equal (late.Action, late.QFactor) (whole.Action, whole.QFactor) "as in one step"
            }

            test "plans kept from earlier cycles change no decision" {
                let every n =
                    { rollout with
                        Estimation =
                            { rollout.Estimation with
                                RefitEvery = n
                            }
                    }

                let decisions keep =
                    (informed 0.08, [ for cycle in 0..9 -> TwoNodes.metrics cycle corner (ValueSome 0.08) ])
                    ||> List.mapFold (fun state metrics ->
                        let kept = if keep then state else { state with Plans = Adapt.noPlans }

                        let next, record = Cycle.step (every 4) kept metrics
                        (record.Action, record.QFactor, record.Model), next)
                    |> fst

                Expect.equal (decisions true) (decisions false) "the same plan"
            }

            test "metrics without a response time are recorded, and the last model is planned with" {
                let before = informed 0.08
                let state, record = Cycle.step rollout before (TwoNodes.metrics 0 corner ValueNone)
                Expect.equal record.Errors [ CycleError.IncompleteMetrics 0 ] "said"
                Expect.equal record.Reward ValueNone "unknown"
                Expect.isTrue (ValueOption.isSome record.QFactor) "planned"

                Expect.equal
                    (SampleWindow.count state.Estimator.Window)
                    (SampleWindow.count before.Estimator.Window)
                    "nothing learned"
            }

            test "with too few samples the base policy acts, and the record says so" {
                let _, record =
                    Cycle.step rollout uninformed (TwoNodes.metrics 0 corner (ValueSome 0.1))

                Expect.equal record.Errors [ CycleError.TooFewSamples(1, 10) ] "how many"
                Expect.equal record.Action.Moves (TwoNodes.array [ -1; -1 ]) "the base policy's"
                Expect.equal record.Predicted ValueNone "no model"
            }

            test "metrics that contradict the settings hold the configuration" {
                let _, record =
                    Cycle.step rollout (informed 0.08) (TwoNodes.metrics 0 corner (ValueSome nan))

                match record.Errors with
                | [ CycleError.UnusableMetrics reason ] -> Expect.stringContains reason "NaN" "what"
                | other -> failtest $"{other}"

                Expect.isTrue record.Action.IsKeep "held"
            }

            test "the reward is that of the step that led to the metrics" {
                let records = loop rollout (informed 0.08) 0.08 corner 3

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

                let rewards =
                    (Cycle.start settings [] (RandomKey 7UL), List.indexed [ 5.0; 4.0; 2.0; 2.0 ])
                    ||> List.mapFold (fun state (cycle, cores) ->
                        let state, record =
                            Cycle.step
                                settings
                                state
                                (TwoNodes.metrics cycle (TwoNodes.configuration 1.0 cores) (ValueSome 0.09))

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

                let mutable state =
                    Cycle.start settings (TwoNodes.configurations |> List.map (TwoNodes.sample 0.08)) (RandomKey 7UL)

                for cycle in 0..5 do
                    match Cycle.observe settings state (TwoNodes.metrics cycle corner (ValueSome 0.09)) with
                    | Error error -> failtest $"{error}"
                    | Ok(next, observed) ->
                        let struct (next, _) = Cycle.refitted settings next
                        isPlanning <- true
                        let planned = Cycle.planAhead settings observed.Loads next
                        isPlanning <- false
                        state <- Cycle.decide settings planned observed |> fst

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

            test "of 65 loads in turn the plans of the newest 64 are kept, the least recently used going first" {
                let start = informed 0.08

                match start.Estimator.Model with
                | Error error -> failtest $"{error}"
                | Ok model ->
                    let planned (load: int) plans =
                        Adapt.planFor
                            rollout
                            model
                            (TwoNodes.array [ RequestRate(float (5 * load)) ])
                            (RandomKey 1UL)
                            plans

                    let made (load: int) plans =
                        match planned load plans with
                        | Ok plan, plans -> plan, plans
                        | Error error, _ -> failtest $"{error}"

                    let first, filled =
                        (Adapt.noPlans, [ 1..64 ]) ||> List.mapFold (fun plans load -> made load plans)
                    // Load 1 is used again, so that load 2 is the one not used for longest when the 65th comes.
                    let again, touched = made 1 filled
                    Expect.isTrue (obj.ReferenceEquals(again, first[0])) "kept"
                    let _, full = made 65 touched

                    for load in [ 1; 3 ] @ [ 4..64 ] do
                        let plan, _ = made load full
                        Expect.isTrue (obj.ReferenceEquals(plan, first[load - 1])) $"load {load} is kept"

                    let anew, _ = made 2 full
                    Expect.isFalse (obj.ReferenceEquals(anew, first[1])) "load 2 is planned for anew"
                    Expect.equal anew.Values first[1].Values "and as before"
            }
        ]
