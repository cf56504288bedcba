module OnlinePolicyAdaptation.Tests.ControlCycle.Guard

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

let private grid = TwoNodes.grid
let private controls = grid.Controls.Count
let private beginning = DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero)

/// What a guard is asked, one after the other.
type private Asked =
    {
        /// Since the last one.
        Seconds: int
        /// Where somebody else has moved the controls to.
        Moved: Configuration option
        Proposed: ControlAction
        Base: ControlAction
        Age: int option
        Missed: bool
        Error: float option
        Samples: int option
    }

type private Case =
    {
        Settings: GuardSettings
        Start: Configuration
        Proposals: Asked list
    }

/// What was asked, and what came of it.
type private Answer =
    {
        Time: DateTimeOffset
        Configuration: Configuration
        Proposal: Asked
        Action: ControlAction
        Rules: FiredRule list
        Next: Configuration
    }

let private action = Gen.choose (0, grid.ActionCount - 1) |> Gen.map grid.ActionAt

let private configuration =
    Gen.choose (0, grid.ConfigurationCount - 1) |> Gen.map grid.ConfigurationAt

let private rarely gen =
    Gen.frequency [ 3, Gen.constant None; 1, Gen.map Some gen ]

let private proposal =
    gen {
        let! seconds = Gen.choose (0, 15)
        let! moved = rarely configuration
        let! proposed = action
        let! baseAction = action
        let! age = rarely (Gen.choose (0, 30))
        let! missed = Gen.frequency [ 7, Gen.constant false; 1, Gen.constant true ]
        let! error = rarely (Gen.elements [ 0.0; 0.2; 0.5; 0.9 ])
        let! samples = rarely (Gen.choose (0, 20))

        return
            {
                Seconds = seconds
                Moved = moved
                Proposed = proposed
                Base = baseAction
                Age = age
                Missed = missed
                Error = error
                Samples = samples
            }
    }

let private bounds (control: Control) =
    gen {
        let! a = Gen.choose (0, control.Levels - 1)
        let! b = Gen.choose (0, control.Levels - 1)
        return struct (min a b, max a b)
    }

let private seconds (value: int) = TimeSpan.FromSeconds(float value)

let private settings =
    gen {
        let! bounded = grid.Controls |> Seq.map bounds |> Gen.sequenceToArray
        let! explored = grid.Controls |> Seq.map bounds |> Gen.sequenceToArray
        let! changes = Gen.choose (1, 4)
        let! window = Gen.choose (0, 60)
        let! reversal = Gen.choose (0, 4)
        let! settling = Gen.choose (0, 20)
        let! age = Gen.choose (0, 20)
        let! error = Gen.elements [ 0.1; 0.5; infinity ]
        let! samples = Gen.choose (0, 15)

        return
            {
                Bounds = bounded
                Explored = explored
                Probes = ProbeBudget.never
                MaximumChanges = changes
                StabilisationWindow = seconds window
                ReversalCycles = reversal
                SettlingTime = seconds settling
                MaximumAge = seconds age
                MaximumError = error
                MinimumSamples = samples
                Outage = (Guard.permissive grid).Outage
            }
    }

let private caseWith settings =
    gen {
        let! settings = settings
        let! start = configuration
        let! proposals = Gen.listOf proposal

        return
            {
                Settings = settings
                Start = start
                Proposals = proposals
            }
    }

let private smaller (case: Case) =
    seq {
        for i in 0 .. case.Proposals.Length - 1 do
            { case with
                Proposals = List.removeAt i case.Proposals
            }
    }

let private proposed cycle time configuration (asked: Asked) : Proposal =
    {
        Cycle = cycle
        Time = time
        Age = asked.Age |> Option.toValueOption |> ValueOption.map seconds
        IsLate = asked.Missed
        Error = Option.toValueOption asked.Error
        Samples = Option.toValueOption asked.Samples
        Configuration = configuration
        Outage = ValueNone
        Action = asked.Proposed
        IsProbe = false
        IsUnplanned = asked.Samples.IsNone
        Fallback = asked.Base
    }

/// What the guard makes of all proposals, whose actions are taken.
let private verdicts (case: Case) =
    let rules = Guard.rules case.Settings

    let judge struct (cycle, time: DateTimeOffset, configuration, state) (asked: Asked) =
        let time = time + seconds asked.Seconds
        let configuration = asked.Moved |> Option.defaultValue configuration
        let left = Guard.check rules state (proposed cycle time configuration asked)
        let next = grid.Move(configuration, left.Action)

        {
            Time = time
            Configuration = configuration
            Proposal = asked
            Action = left.Action
            Rules = left.Rules
            Next = next
        },
        struct (cycle + 1, time, next, Guard.commit case.Settings state cycle time left.Action)

    case.Proposals
    |> List.mapFold judge (struct (0, beginning, case.Start, Guard.start controls))
    |> fst

let private lawOf settings name (check: Case -> Answer list -> unit) =
    let cases = Arb.fromGenShrink (caseWith settings, smaller)

    testPropertyWithConfig
        { FsCheckConfig.defaultConfig with
            maxTest = 300
        }
        name
        (Prop.forAll cases (fun case -> check case (verdicts case)))

let private law name check = lawOf settings name check

/// Words for a verdict cost more than the check of it.
let private must isTrue (verdict: 'a) =
    if not isTrue then
        failtest $"%A{verdict}"

let private isFallback (fired: FiredRule) =
    List.contains fired.Rule [ "stale"; "missedDeadline"; "poorModel"; "fewSamples" ]

let private fired rule =
    {
        Rule = rule
        Control = ValueNone
        Measured = ValueNone
    }

let private measured rule quantity value =
    { fired rule with
        Measured = ValueSome(struct (quantity, value))
    }

/// What is chosen before the rules on moves, and the rule that says so, as the settings are worded.
let private chosen (settings: GuardSettings) (proposal: Asked) =
    let keep = ControlAction.Keep controls

    if proposal.Age |> Option.exists (fun age -> seconds age > settings.MaximumAge) then
        keep, Some(measured "stale" "ageSeconds" (float proposal.Age.Value))
    elif proposal.Missed then
        proposal.Base, Some(fired "missedDeadline")
    else
        match proposal.Samples, proposal.Error with
        | Some _, Some error when error > settings.MaximumError ->
            proposal.Base, Some(measured "poorModel" "error" error)
        | Some samples, _ when samples < settings.MinimumSamples ->
            proposal.Base, Some(measured "fewSamples" "samples" (float samples))
        | _ -> proposal.Proposed, None

let private within (levels: GuardSettings -> struct (int * int)[]) (case: Case) (all: Answer list) =
    for verdict in all do
        for control in 0 .. controls - 1 do
            let struct (lowest, highest) = (levels case.Settings)[control]

            let before, after =
                verdict.Configuration.Levels[control], verdict.Next.Levels[control]

            let isTowards =
                (before < lowest && after >= before && after <= lowest)
                || (before > highest && after <= before && after >= highest)

            must ((after >= lowest && after <= highest) || isTowards) verdict

let private stabilised (case: Case) (all: Answer list) =
    for control in 0 .. controls - 1 do
        let moves =
            all
            |> List.filter (fun verdict -> verdict.Action.Moves[control] <> 0)
            |> List.map _.Time

        for first in moves do
            let within =
                moves
                |> List.filter (fun time -> time >= first && time - first < case.Settings.StabilisationWindow)

            must (within.Length <= max 1 case.Settings.MaximumChanges) moves

let private settled (case: Case) (all: Answer list) =
    for earlier, later in all |> List.filter (fun verdict -> not verdict.Action.IsKeep) |> List.pairwise do
        must (later.Time - earlier.Time >= case.Settings.SettlingTime) (earlier, later)

/// A move back may go out where it was planned; without a plan only some cycles after the move.
let private steady (case: Case) (all: Answer list) =
    for control in 0 .. controls - 1 do
        let moves =
            List.indexed all
            |> List.filter (fun (_, verdict) -> verdict.Action.Moves[control] <> 0)

        for (first, earlier), (second, later) in List.pairwise moves do
            let isBack = earlier.Action.Moves[control] = -later.Action.Moves[control]

            let isPlanned =
                later.Proposal.Samples.IsSome && not (List.exists isFallback later.Rules)

            must (not isBack || isPlanned || second - first > case.Settings.ReversalCycles) (earlier, later)

let private fallenBack (case: Case) (all: Answer list) =
    for verdict in all do
        let action, rule = chosen case.Settings verdict.Proposal
        must (List.filter isFallback verdict.Rules = Option.toList rule) verdict

        // Rules on moves stop a move; they never make one.
        for control in 0 .. controls - 1 do
            must
                (verdict.Action.Moves[control] = 0
                 || verdict.Action.Moves[control] = action.Moves[control])
                verdict

let private recorded (case: Case) (all: Answer list) =
    for verdict in all do
        let action, _ = chosen case.Settings verdict.Proposal
        let rest = verdict.Rules |> List.filter (isFallback >> not)

        let stopped =
            [
                for control in 0 .. controls - 1 do
                    if verdict.Action.Moves[control] <> action.Moves[control] then
                        control
            ]

        match rest with
        | [ { Rule = "settling" } as settling ] ->
            must (settling = fired "settling" && verdict.Action.IsKeep && not action.IsKeep) verdict
        | _ ->
            let named =
                [
                    for rule in rest do
                        must (List.contains rule.Rule [ "bounds"; "exploration"; "stabilisation"; "reversal" ]) verdict

                        match rule.Control with
                        | ValueSome control -> control
                        | ValueNone -> failtest $"{rule}"
                ]

            must (List.sort named = stopped) verdict

let private unchanged _ (all: Answer list) =
    for verdict in all do
        must (verdict.Action = verdict.Proposal.Proposed && verdict.Rules.IsEmpty) verdict

/// Proposals that a planner may make: moves that stay on the grid, in time.
let private admissible (case: Case) =
    let masked (configuration: Configuration) (action: ControlAction) =
        let mask = grid.Mask configuration

        ControlAction(
            TwoNodes.array
                [
                    for i in 0 .. controls - 1 ->
                        if mask.Allows(i, action.Choice i) then
                            action.Moves[i]
                        else
                            0
                ]
        )

    let step configuration (proposal: Asked) =
        let configuration = proposal.Moved |> Option.defaultValue configuration

        let proposal =
            { proposal with
                Proposed = masked configuration proposal.Proposed
                Missed = false
            }

        proposal, grid.Move(configuration, proposal.Proposed)

    { case with
        Proposals = case.Proposals |> List.mapFold step case.Start |> fst
    }

// --- Orders, and rules of a user's own

let private move = ControlAction(TwoNodes.array [ 1; 1 ])

let private plain (after: int) : Proposal =
    {
        Cycle = after
        Time = beginning + seconds after
        Age = ValueNone
        IsLate = false
        Error = ValueNone
        Samples = ValueNone
        Configuration = TwoNodes.configuration 0.4 3.0
        Outage = ValueNone
        Action = move
        IsProbe = false
        IsUnplanned = false
        Fallback = ControlAction.Keep controls
    }

let private command order : Command =
    {
        Order = order
        By = "an operator"
        Time = beginning
    }

let private stage =
    Guard.stage
        { TwoNodes.settings Planner.BasePolicy with
            Guard = Guard.permissive grid
        }

/// The state after orders have gone through the stage, which passes them on.
let private ordered orders =
    (stage.Start, orders)
    ||> List.fold (fun state order ->
        let input = Element.Event(Event.Commanded(command order))
        let struct (next, output) = stage.Step state input

        match output with
        | Element.Event(Event.Commanded passed) -> Expect.equal passed (command order) "passed on"
        | other -> failtest $"{other}"

        next)

let private actionAfter orders proposal =
    let left =
        Guard.check (Guard.rules (Guard.permissive grid)) (ordered orders) proposal

    left.Action, left.Rules |> List.map _.Rule, left.IsHeld

let private ordersHold () =
    let held = ControlAction.Keep controls, [ "ordered" ], true
    let free = move, [], false
    let until = beginning + seconds 20
    Expect.equal (actionAfter [] (plain 5)) free "without an order"
    Expect.equal (actionAfter [ Order.Hold ValueNone ] (plain 100_000)) held "for ever"
    Expect.equal (actionAfter [ Order.Hold(ValueSome until) ] (plain 19)) held "before its time"
    Expect.equal (actionAfter [ Order.Hold(ValueSome until) ] (plain 20)) free "at its time"
    Expect.equal (actionAfter [ Order.Hold ValueNone; Order.Resume ] (plain 5)) free "taken back"
    Expect.equal (actionAfter [ Order.Resume; Order.Hold ValueNone ] (plain 5)) held "the last order counts"

    Expect.equal
        (actionAfter [ Order.Hold ValueNone; Order.Hold(ValueSome until) ] (plain 20))
        free
        "the last order counts, also among holds"

let private ordersGoFirst () =
    let settings =
        { Guard.permissive grid with
            MaximumAge = seconds 1
            MinimumSamples = 10
        }

    let proposal =
        { plain 5 with
            Age = ValueSome(seconds 30)
            IsLate = true
            Samples = ValueSome 3
        }

    let left =
        Guard.check (Guard.rules settings) (ordered [ Order.Hold ValueNone ]) proposal

    Expect.equal left.Rules [ fired "ordered" ] "one reason"

/// At night nothing moves down.
let private noLessAtNight: GuardRule =
    {
        Name = "night"
        Judge =
            fun _ proposal ->
                if
                    proposal.Time.Hour >= 22
                    && Seq.exists (fun move -> move < 0) proposal.Action.Moves
                then
                    Verdict.Hold(fired "night")
                else
                    Verdict.Pass
    }

let private oneMoreRule () =
    let rules =
        let usual = Guard.rules (Guard.permissive grid)

        { usual with
            Limiting = noLessAtNight :: usual.Limiting
        }

    let down = ControlAction(TwoNodes.array [ 0; -1 ])

    let check hour action =
        let proposal =
            { plain 0 with
                Time = beginning.AddHours(float hour - 12.0)
                Action = action
            }

        let left = Guard.check rules (Guard.start controls) proposal
        left.Action, left.Rules |> List.map _.Rule

    Expect.equal (check 21 down) (down, []) "by day"
    Expect.equal (check 22 down) (ControlAction.Keep controls, [ "night" ]) "by night"
    Expect.equal (check 22 move) (move, []) "up, by night"

/// Writes the state to bytes and reads it before each proposal.
let private remembersTheSame (case: Case) =
    let stage =
        Guard.stage
            { TwoNodes.settings Planner.BasePolicy with
                Guard = case.Settings
            }

    let stopped state =
        match stage.Codec with
        | ValueNone -> failtest "it has a state to keep"
        | ValueSome codec ->
            match codec.Read(codec.Write state) with
            | Ok read -> read
            | Error message -> failtest message

    let rules = Guard.rules case.Settings

    let answers between =
        case.Proposals
        |> List.mapFold
            (fun struct (cycle, time: DateTimeOffset, configuration, state) asked ->
                let time = time + seconds asked.Seconds

                let left =
                    Guard.check rules (between state) (proposed cycle time configuration asked)

                left,
                struct (cycle + 1,
                        time,
                        grid.Move(configuration, left.Action),
                        Guard.commit case.Settings (between state) cycle time left.Action))
            (struct (0, beginning, case.Start, ordered [ Order.Hold(ValueSome(beginning + seconds 10)) ]))
        |> fst

    Expect.equal (answers stopped) (answers id) "the same answers"

[<Tests>]
let tests =
    testList
        "ControlCycle.Guard"
        [
            law "no control leaves its bounds, and one that is outside only moves towards them" (within _.Bounds)
            law
                "no control leaves what may be explored, and one that is outside only moves towards it"
                (within _.Explored)
            law "a control moves at most so many times within any window" stabilised
            law "without a plan, no control is moved back within some cycles of a move" steady
            law "no action before the last one's settling time has passed" settled
            law
                "stale metrics are not acted on; a late plan, a poor model and few samples leave it to the base policy"
                fallenBack
            law "a move is stopped exactly where a rule says so" recorded

            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 300
                }
                "a guard that permits everything changes nothing"
                (Prop.forAll (Arb.fromGenShrink (caseWith (Gen.constant (Guard.permissive grid)), smaller)) (fun case ->
                    let case = admissible case
                    unchanged case (verdicts case)))

            testCase "what it remembers does not grow with what it has let through"
            <| fun () ->
                let settings =
                    { Guard.permissive grid with
                        StabilisationWindow = seconds 10
                    }

                let move = ControlAction(TwoNodes.array [ 1; -1 ])

                let remembered =
                    (Guard.start controls, [ 1..1000 ])
                    ||> List.fold (fun state second ->
                        Guard.commit settings state second (beginning + seconds second) move)

                Expect.equal (remembered.Moves |> Array.map List.length) [| 10; 10 |] "those of the window"

            test "settling counts from the last action that moved something, up to and without its end" {
                let settings =
                    { Guard.permissive grid with
                        SettlingTime = seconds 20
                    }

                let move = ControlAction(TwoNodes.array [ 0; 1 ])
                let keep = ControlAction.Keep controls
                let moved = Guard.commit settings (Guard.start controls) 0 beginning move
                let kept = Guard.commit settings moved 1 (beginning + seconds 10) keep

                let rules (after: TimeSpan) =
                    let proposal: Proposal =
                        {
                            Cycle = 2
                            Time = beginning + after
                            Age = ValueNone
                            IsLate = false
                            Error = ValueNone
                            Samples = ValueNone
                            Configuration = TwoNodes.configuration 0.4 3.0
                            Outage = ValueNone
                            Action = move
                            IsProbe = false
                            IsUnplanned = false
                            Fallback = keep
                        }

                    (Guard.check (Guard.rules settings) kept proposal).Rules

                Expect.equal (rules (seconds 20 - TimeSpan.FromTicks 1L)) [ fired "settling" ] "not yet"
                Expect.equal (rules (seconds 20)) [] "settled"
            }

            testCase "an order holds the configuration until its time, or until it is taken back" ordersHold
            testCase "an order goes before every other rule, and after it what is planned goes out" ordersGoFirst
            testCase "a rule is one function more" oneMoreRule
            testPropertyWithConfig
                { FsCheckConfig.defaultConfig with
                    maxTest = 200
                }
                "a guard that was stopped remembers the same"
                (Prop.forAll (Arb.fromGen (caseWith settings)) remembersTheSame)
        ]
