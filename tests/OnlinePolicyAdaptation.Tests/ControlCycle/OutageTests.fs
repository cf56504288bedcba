module OnlinePolicyAdaptation.Tests.ControlCycle.Outage

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests

let private seconds (value: int) = TimeSpan.FromSeconds(float value)

/// Two services: cores of two nodes, a routing weight of the first service, a blocking rate of the second.
let private controls =
    [
        Control("c1", ControlTarget.CpuCores(TwoNodes.array [ 0 ]), 0.0, 3.0, 4)
        Control("c2", ControlTarget.CpuCores(TwoNodes.array [ 1 ]), 1.0, 3.0, 3)
        Control("p1", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 3)
        Control("b2", ControlTarget.BlockingRate 1, 0.0, 1.0, 3)
    ]

let private settingsOn edge =
    let grid = ControlGrid(TwoNodes.array controls, edge)

    { TwoNodes.settings Planner.BasePolicy with
        Grid = grid
        Guard = Guard.permissive grid
    }

let private outageSettings action after (guard: GuardSettings) =
    { guard with
        Outage =
            {
                Action = action
                After = seconds after
            }
    }

type private OutageCase =
    {
        Settings: ControllerSettings
        Configuration: Configuration
        MovesLeft: EquatableArray<int>
        Outage: Outage
        /// Which of the admissible actions is planned, and is the base policy's.
        Planned: int
        Base: int
    }

let private bounds (control: Control) =
    Gen.map2
        (fun a b -> struct (min a b, max a b))
        (Gen.choose (0, control.Levels - 1))
        (Gen.choose (0, control.Levels - 1))

let private case =
    gen {
        let settings = settingsOn GridEdge.Mask
        let! bounds = controls |> List.map bounds |> Gen.sequenceToArray
        let! isLimited = Gen.elements [ true; false ]
        let! moves = Gen.sequenceToArray [ for _ in controls -> Gen.choose (0, 2) ]

        let! action =
            Gen.elements [ OutageAction.Most; OutageAction.Hold; OutageAction.Base ]

        let! after = Gen.choose (0, 20)
        let! silent = Gen.choose (1, 30)
        let! service = Gen.choose (0, 1)
        let! configuration = Gen.choose (0, settings.Grid.ConfigurationCount - 1)
        let! planned = Gen.choose (0, 1000)
        let! baseAction = Gen.choose (0, 1000)

        let guard =
            { settings.Guard with
                Bounds = bounds
                MaximumChanges = (if isLimited then 2 else Int32.MaxValue)
                StabilisationWindow = TimeSpan.FromHours 1.0
            }

        return
            {
                Settings =
                    { settings with
                        Guard = outageSettings action after guard
                    }
                Configuration = settings.Grid.ConfigurationAt configuration
                MovesLeft =
                    TwoNodes.array (
                        if isLimited then
                            Seq.ofArray moves
                        else
                            seq { for _ in controls -> MoveLimits.unlimited }
                    )
                Outage =
                    {
                        Service = service
                        Silent = seconds silent
                    }
                Planned = planned
                Base = baseAction
            }
    }

let private admissible (case: OutageCase) =
    let grid = case.Settings.Grid

    let mask =
        Admissible.mask case.Settings case.MovesLeft (ValueSome case.Outage) case.Configuration

    [|
        for i in 0 .. grid.ActionCount - 1 do
            let action = grid.ActionAt i

            if action.IsAllowedBy mask then
                action
    |]

let private proposal (case: OutageCase) planned baseAction : Proposal =
    {
        Cycle = 0
        Time = Intervals.beginning
        Age = ValueNone
        IsLate = false
        Error = ValueNone
        Samples = ValueNone
        Configuration = case.Configuration
        Outage = ValueSome(Admissible.inOutage case.Settings case.Outage case.Configuration)
        Action = planned
        IsProbe = false
        IsUnplanned = false
        Fallback = baseAction
    }

/// What the guard makes of it, which has seen the moves that were spent.
let private guarded (case: OutageCase) proposal =
    let spent =
        case.MovesLeft
        |> Seq.map (fun left ->
            if left = MoveLimits.unlimited then
                []
            else
                List.replicate (2 - left) Intervals.beginning)
        |> Array.ofSeq

    let state =
        { Guard.start controls.Length with
            Moves = spent
        }

    Guard.check (Guard.rules case.Settings.Guard) state proposal

let private isLess (action: ControlAction) =
    action.Moves[0] < 0 || action.Moves[1] < 0

let private isActedOn (case: OutageCase) =
    case.Outage.Silent >= case.Settings.Guard.Outage.After

let private law name check =
    testPropertyWithConfig
        { FsCheckConfig.defaultConfig with
            maxTest = 500
        }
        name
        (Prop.forAll (Arb.fromGen case) check)

let private takesNothingAway (case: OutageCase) =
    let actions = admissible case
    Expect.isNonEmpty actions "something may be done"
    Expect.all actions (isLess >> not) "nothing is taken away"

let private stopsNothing (case: OutageCase) =
    let actions = admissible case
    let planned = actions[case.Planned % actions.Length]
    let baseAction = actions[case.Base % actions.Length]
    let left = guarded case (proposal case planned baseAction)

    let expected =
        if isActedOn case && case.Settings.Guard.Outage.Action = OutageAction.Base then
            baseAction
        else
            planned

    Expect.equal left.Action expected "it goes out"

    Expect.equal
        [ for fired in left.Rules -> fired.Rule, fired.Control ]
        (if isActedOn case then [ "outage", ValueNone ] else [])
        "named once it is acted on"

/// Whatever comes in place of the plan.
let private isLastCheck (case: OutageCase) =
    let grid = case.Settings.Grid

    let any number =
        grid.ActionAt(number % grid.ActionCount)

    let left = guarded case (proposal case (any case.Planned) (any case.Base))
    Expect.isFalse (isLess left.Action) "nothing is taken away"

let private at levels = Configuration(TwoNodes.array levels)

let private allowed action silent service (levels: int list) =
    let settings = settingsOn GridEdge.Mask

    let guard =
        { settings.Guard with
            Bounds = [| for _ in controls -> struct (0, 2) |]
        }
        |> outageSettings action 15

    let outage: Outage =
        {
            Service = service
            Silent = seconds silent
        }

    let limits = Admissible.inOutage { settings with Guard = guard } outage (at levels)
    [ for bits in limits.Mask.Allowed -> int bits ]

let private worded () =
    let keep, up, all = 0b010, 0b100, 0b111
    let most = allowed OutageAction.Most
    Expect.equal (most 14 0 [ 1; 1; 1; 1 ]) [ keep + up; keep + up; keep; all ] "at first, the first service"
    Expect.equal (most 14 1 [ 1; 1; 1; 1 ]) [ keep + up; keep + up; all; keep ] "at first, the second service"
    Expect.equal (most 15 0 [ 1; 1; 1; 1 ]) [ up; up; keep; all ] "then up"
    Expect.equal (most 15 0 [ 2; 1; 1; 1 ]) [ keep; up; keep; all ] "up to the bound"

    Expect.equal
        (most 15 0 [ 3; 2; 1; 1 ])
        [ keep; keep; all; all ]
        "no cores are left: beyond a bound, at the end of a grid"

    Expect.equal (allowed OutageAction.Hold 15 0 [ 1; 1; 1; 1 ]) [ keep; keep; keep; keep ] "hold"
    Expect.equal (allowed OutageAction.Base 15 0 [ 1; 1; 1; 1 ]) [ keep + up; keep + up; all; all ] "base"

// --- In closed loop

let private corner = TwoNodes.configuration 1.0 5.0

/// With an outage in these cycles: the configurations, with the decisions taken in them.
let private closedLoop settings start silent cycles =
    let cycle =
        Cycle.create settings (TwoNodes.configurations |> List.map (TwoNodes.sample 0.08)) (RandomKey 7UL)

    ((Cycle.start cycle, start), [ 0 .. cycles - 1 ])
    ||> List.mapFold (fun (state, configuration: Configuration) number ->
        let seconds =
            if List.contains number silent then
                ValueNone
            else
                ValueSome(TwoNodes.responseTime 0.08 configuration)

        let input =
            Input.Arrived(Arrival.ofMetrics number (TwoNodes.metrics number configuration seconds), ValueNone)

        let stepped = Cycle.step cycle state input

        match stepped.Decided with
        | Element.Interval(_, decision) -> (configuration, decision), (stepped.State, decision.Target)
        | Element.Event _ -> failtest "it was not decided on")
    |> fst

let private recovers () =
    for planner in [ Planner.Rollout 1; Planner.Rollout 3; Planner.MultiagentRollout 2 ] do
        for action in [ OutageAction.Most; OutageAction.Hold; OutageAction.Base ] do
            for first, start in [ 2, corner; 0, TwoNodes.configuration 0.4 2.0; 12, corner ] do
                let settings =
                    let settings = TwoNodes.settings planner

                    { settings with
                        Losses = TwoNodes.losses
                        Leaves = LeafValues.BetterOf
                        Guard = outageSettings action 15 settings.Guard
                        Estimation =
                            { settings.Estimation with
                                Forgetting = Forgetting.ByRelevance 10
                            }
                    }

                let silent = [ first .. first + 29 ]
                let run = closedLoop settings start silent (first + 60)
                let steady = closedLoop settings start [] (first + 60)
                let case = $"{planner}, {action.Name}, from cycle {first}"

                for number, (configuration, decision) in List.indexed run do
                    let isSilent = List.contains number silent

                    if isSilent then
                        Expect.isGreaterThanOrEqual
                            decision.Target.Levels[1]
                            configuration.Levels[1]
                            $"{case}: no cores are taken away in cycle {number}"

                    Expect.equal
                        [ for fired in decision.Rules -> fired.Rule, fired.Control ]
                        (if isSilent && number >= first + 2 then
                             [ "outage", ValueNone ]
                         else
                             [])
                        $"{case}: the rule of cycle {number}"

                    Expect.equal
                        (decision.Record.Errors
                         |> List.exists (function
                             | CycleError.Outage _ -> true
                             | _ -> false))
                        isSilent
                        $"{case}: said in cycle {number}"

                let last, _ = run[first + 29]

                if action = OutageAction.Most then
                    Expect.equal last.Levels[1] 4 $"{case}: the most cores"

                let rewards run =
                    run
                    |> List.skip (first + 45)
                    |> List.map (fun (_, decision: Decision) -> decision.Record.Reward)

                Expect.equal (rewards run) (rewards steady) $"{case}: as if nothing had been"

[<Tests>]
let tests =
    testList
        "ControlCycle.Outage"
        [
            law "no admissible action takes capacity away in an outage" takesNothingAway
            law "the guard stops nothing that is admissible in an outage" stopsNothing
            law "whatever was planned, nothing that takes capacity away goes out in an outage" isLastCheck
            testCase "what may move depends on how long the outage lasts" worded
            testCase "in an outage of 30 intervals no cores go away, and the optimum is back within 15 cycles" recovers
        ]
