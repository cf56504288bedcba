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
type private Proposal =
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
        Proposals: Proposal list
    }

/// What was asked, and what came of it.
type private Verdict =
    {
        Time: DateTimeOffset
        Configuration: Configuration
        Proposal: Proposal
        Action: ControlAction
        Rules: GuardRule list
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
        let! bounds = grid.Controls |> Seq.map bounds |> Gen.sequenceToArray
        let! changes = Gen.choose (1, 4)
        let! window = Gen.choose (0, 60)
        let! settling = Gen.choose (0, 20)
        let! age = Gen.choose (0, 20)
        let! error = Gen.elements [ 0.1; 0.5; infinity ]
        let! samples = Gen.choose (0, 15)

        return
            {
                Bounds = bounds
                MaximumChanges = changes
                StabilisationWindow = seconds window
                SettlingTime = seconds settling
                MaximumAge = seconds age
                MaximumError = error
                MinimumSamples = samples
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

let private context time (proposal: Proposal) =
    {
        Time = time
        Age = proposal.Age |> Option.toValueOption |> ValueOption.map seconds
        MissedDeadline = proposal.Missed
        Error = Option.toValueOption proposal.Error
        Samples = Option.toValueOption proposal.Samples
    }

/// What the guard makes of all proposals, whose actions are taken.
let private verdicts (case: Case) =
    let judge struct (time: DateTimeOffset, configuration, state) (proposal: Proposal) =
        let time = time + seconds proposal.Seconds
        let configuration = proposal.Moved |> Option.defaultValue configuration

        let struct (action, rules) =
            Guard.check case.Settings state (context time proposal) configuration proposal.Proposed proposal.Base

        let next = grid.Move(configuration, action)

        {
            Time = time
            Configuration = configuration
            Proposal = proposal
            Action = action
            Rules = rules
            Next = next
        },
        struct (time, next, Guard.commit case.Settings state time action)

    case.Proposals
    |> List.mapFold judge (struct (beginning, case.Start, Guard.start case.Settings))
    |> fst

let private lawOf settings name (check: Case -> Verdict list -> unit) =
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

let private isFallback =
    function
    | GuardRule.Stale _
    | GuardRule.MissedDeadline
    | GuardRule.PoorModel _
    | GuardRule.FewSamples _ -> true
    | _ -> false

/// What is chosen before the rules on moves, and the rule that says so, as the settings are worded.
let private chosen (settings: GuardSettings) (proposal: Proposal) =
    let keep = ControlAction.Keep controls

    if proposal.Age |> Option.exists (fun age -> seconds age > settings.MaximumAge) then
        keep, Some(GuardRule.Stale(seconds proposal.Age.Value))
    elif proposal.Missed then
        proposal.Base, Some GuardRule.MissedDeadline
    else
        match proposal.Samples, proposal.Error with
        | Some _, Some error when error > settings.MaximumError -> proposal.Base, Some(GuardRule.PoorModel error)
        | Some samples, _ when samples < settings.MinimumSamples -> proposal.Base, Some(GuardRule.FewSamples samples)
        | _ -> proposal.Proposed, None

let private bounded (case: Case) (all: Verdict list) =
    for verdict in all do
        for control in 0 .. controls - 1 do
            let struct (lowest, highest) = case.Settings.Bounds[control]

            let before, after =
                verdict.Configuration.Levels[control], verdict.Next.Levels[control]

            let isTowards =
                (before < lowest && after >= before && after <= lowest)
                || (before > highest && after <= before && after >= highest)

            must ((after >= lowest && after <= highest) || isTowards) verdict

let private stabilised (case: Case) (all: Verdict list) =
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

let private settled (case: Case) (all: Verdict list) =
    for earlier, later in all |> List.filter (fun verdict -> not verdict.Action.IsKeep) |> List.pairwise do
        must (later.Time - earlier.Time >= case.Settings.SettlingTime) (earlier, later)

let private fallenBack (case: Case) (all: Verdict list) =
    for verdict in all do
        let action, rule = chosen case.Settings verdict.Proposal
        must (List.filter isFallback verdict.Rules = Option.toList rule) verdict

        // Rules on moves stop a move; they never make one.
        for control in 0 .. controls - 1 do
            must
                (verdict.Action.Moves[control] = 0
                 || verdict.Action.Moves[control] = action.Moves[control])
                verdict

let private recorded (case: Case) (all: Verdict list) =
    for verdict in all do
        let action, _ = chosen case.Settings verdict.Proposal
        let rest = verdict.Rules |> List.filter (isFallback >> not)

        let stopped =
            [
                for control in 0 .. controls - 1 do
                    if verdict.Action.Moves[control] <> action.Moves[control] then
                        control
            ]

        let named =
            rest
            |> List.choose (function
                | GuardRule.Bounds control
                | GuardRule.Stabilisation control -> Some control
                | _ -> None)

        match rest with
        | [ GuardRule.Settling ] -> must (verdict.Action.IsKeep && not action.IsKeep) verdict
        | _ -> must (named = stopped && rest.Length = named.Length) verdict

let private unchanged _ (all: Verdict list) =
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

    let step configuration (proposal: Proposal) =
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

[<Tests>]
let tests =
    testList
        "ControlCycle.Guard"
        [
            law "no control leaves its bounds, and one that is outside only moves towards them" bounded
            law "a control moves at most so many times within any window" stabilised
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
                    (Guard.start settings, [ 1..1000 ])
                    ||> List.fold (fun state second -> Guard.commit settings state (beginning + seconds second) move)

                Expect.equal (remembered.Moves |> Array.map List.length) [| 10; 10 |] "those of the window"

            test "settling counts from the last action that moved something, up to and without its end" {
                let settings =
                    { Guard.permissive grid with
                        SettlingTime = seconds 20
                    }

                let move = ControlAction(TwoNodes.array [ 0; 1 ])
                let keep = ControlAction.Keep controls
                let moved = Guard.commit settings (Guard.start settings) beginning move
                let kept = Guard.commit settings moved (beginning + seconds 10) keep

                let rules (after: TimeSpan) =
                    let context =
                        {
                            Time = beginning + after
                            Age = ValueNone
                            MissedDeadline = false
                            Error = ValueNone
                            Samples = ValueNone
                        }

                    let struct (_, rules) =
                        Guard.check settings kept context (TwoNodes.configuration 0.4 3.0) move keep

                    rules

                Expect.equal (rules (seconds 20 - TimeSpan.FromTicks 1L)) [ GuardRule.Settling ] "not yet"
                Expect.equal (rules (seconds 20)) [] "settled"
            }
        ]
