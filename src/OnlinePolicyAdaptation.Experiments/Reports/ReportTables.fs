/// The tables of an experiment, for the page and the terminal alike: the header and the cells.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ReportTables

open OnlinePolicyAdaptation.Scenarios
open System
open System.Globalization
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.ControlCycle

/// The cycles after which half of the seeds had adapted, infinite where they did not; and how many never did.
let median (cycles: int voption[]) =
    let cycles =
        cycles |> Array.map (ValueOption.map float >> ValueOption.defaultValue infinity)

    Statistics.Median cycles, cycles |> Array.filter Double.IsInfinity |> Array.length

/// The median, and the longest, or how many of the runs, which are called so, never adapted.
let adaptedOf runs (cycles: int voption[]) =
    match cycles, median cycles with
    | [||], _ -> "–"
    | _, (_, never) when never = cycles.Length -> "never"
    | _, (middle, never) when never > 0 ->
        let middle =
            if Double.IsFinite middle then
                Numbers.fixed' 0 middle
            else
                "never"

        $"{middle} ({never} of {cycles.Length} {runs} never)"
    | _, (middle, _) ->
        let longest = cycles |> Array.map (ValueOption.defaultValue 0) |> Array.max
        $"{Numbers.fixed' 0 middle} (at most {longest})"

/// The same over seeds.
let adapted cycles = adaptedOf "seeds" cycles

/// What the detection of changes did: the share of seeds that noticed, and how soon; where nothing changes, false alarms.
let private detection (s: PhaseSummary) =
    if Double.IsFinite s.FalseAlarms then
        $"{Numbers.fixed' 1 s.FalseAlarms} per 1,000 cycles"
    else
        match
            s.DetectionDelays
            |> Array.choose (ValueOption.map float >> ValueOption.toOption)
        with
        | [||] -> "–"
        | delays ->
            $"after {Numbers.fixed' 0 (Statistics.Median delays)} cycles (at most {Numbers.fixed' 0 (Array.max delays)}), {delays.Length} of {s.DetectionDelays.Length} seeds"

/// The share of the optimum's reward, at the end of a run.
let private share (s: PhaseSummary) =
    if s.ShareOfOptimum < 0.0 then
        "below 0"
    elif Double.IsFinite s.ShareOfOptimum then
        $"{Numbers.fixed' 0 (100.0 * s.ShareOfOptimum)} %%"
    else
        "–"

/// The median of the time to decide, and that of the slowest seed.
let decisionTime (s: PhaseSummary) =
    $"{Wording.duration s.MedianDecisionSeconds} (at most {Wording.duration s.SlowestSeedDecisionSeconds})"

/// The policies that are drawn cycle by cycle, in every phase.
let summary (outcome: ExperimentOutcome) =
    let changes = outcome.Settings.Changes

    [
        "policy"
        if changes then
            "phase"
        "reward per cycle"
        "at the end"
        "of the optimum's"
        "SLO missed (% of cycles)"
        "prediction error (NMAE)"
        if changes then
            "adapted after (cycles)"
            "change noticed"
        else
            "false alarms"
        "median time to decide"
    ],
    [
        for s in outcome.Summary |> List.filter (fun s -> not s.Contender.ComparesBasePolicies) ->
            [
                ContenderStyle.label s.Contender
                if changes then
                    s.Phase.Name
                Wording.withInterval 3 s.Reward
                Wording.withInterval 3 s.RewardAtEnd
                share s
                Wording.percent s.Violations
                Wording.withInterval 3 s.ModelError
                if changes then
                    adapted s.Adapted
                detection s
                decisionTime s
            ]
    ]

/// What adapting took, in computing.
let private computing (s: PhaseSummary) =
    match s.Contender, s.AdaptationSeconds with
    | Contender.Optimum, _ -> "given"
    | _, [||] -> "–"
    | _, seconds -> $"{Wording.duration (Statistics.Median seconds)} (at most {Wording.duration (Array.max seconds)})"

/// Every base policy and what is made of it, in the phase that the experiment is about.
let comparison (outcome: ExperimentOutcome) =
    let settings = outcome.Settings

    let way (s: PhaseSummary) =
        match settings.BasePolicyOf s.Contender, s.Contender, s.Contender.Planner with
        | None, contender, _ -> "–", ContenderStyle.label contender
        | Some name, Contender.RolloutForgetting _, _ -> name, ContenderStyle.label s.Contender
        | Some name, _, Planner.BasePolicy -> name, "unchanged"
        | Some name, _, Planner.Rollout horizon -> name, ContenderStyle.label (Contender.Rollout horizon)
        | Some name, _, Planner.MultiagentRollout horizon -> name, ContenderStyle.label (Contender.Multiagent horizon)

    [
        "base policy"
        "used"
        "reward per cycle"
        "at the end"
        "of the optimum's"
        "SLO missed (% of cycles)"
        "by (ms, mean of all cycles)"
        "CPU cores"
        if settings.Changes then
            "adapted after (cycles)"
            "computing until adapted"
        "median time to decide"
    ],
    [
        for s in outcome.Summary |> List.filter (fun s -> s.Phase = settings.Phase) do
            let basePolicy, used = way s

            [
                basePolicy
                used
                Wording.withInterval 3 s.Reward
                Wording.withInterval 3 s.RewardAtEnd
                share s
                Wording.percent s.Violations
                Wording.withInterval 1 (Wording.scaled 1000.0 s.Excess)
                Wording.withInterval 2 s.CpuCores
                if settings.Changes then
                    adapted s.Adapted
                    computing s
                decisionTime s
            ]
    ]

/// Why a base policy has no multiagent rollout, in words; nothing where each has.
let leftOut (settings: RunSettings) =
    match
        settings.BasePolicies
        |> List.choose (fun policy -> policy.JointOnly |> Option.map (fun reason -> $"{policy.Name}: {reason}"))
    with
    | [] -> None
    | reasons ->
        let reasons = String.concat "; " reasons
        Some $"Without multiagent rollout: {reasons}."

/// Measurements of the new system that adapting needed.
let private measurements (s: PhaseSummary) =
    if Double.IsFinite s.AdaptationCycles then
        Numbers.fixed' 0 s.AdaptationCycles
    else
        "never"

/// What it took to adapt to the change.
let adaptation (outcome: ExperimentOutcome) =
    [
        "policy"
        "seeds that adapted"
        "adapted after (cycles)"
        "measurements needed (median of all seeds)"
        match outcome.Settings.SecondsPerCycle with
        | Some seconds -> $"measuring them, at {Wording.duration seconds} each"
        | None -> ()
        "computing until adapted (median of seeds that did)"
        "reward per cycle"
        "at the end"
    ],
    [
        for s in outcome.Summary do
            if s.Phase = Phase.After && not s.Contender.ComparesBasePolicies then
                [
                    ContenderStyle.label s.Contender
                    $"{s.Adapted |> Array.filter ValueOption.isSome |> Array.length} of {s.Adapted.Length}"
                    adapted s.Adapted
                    measurements s
                    match outcome.Settings.SecondsPerCycle with
                    | Some seconds when Double.IsFinite s.AdaptationCycles ->
                        Wording.duration (seconds * s.AdaptationCycles)
                    | Some _ -> "never"
                    | None -> ()
                    computing s
                    Wording.withInterval 3 s.Reward
                    Wording.withInterval 3 s.RewardAtEnd
                ]
    ]

/// The median over seeds, and the worst of them.
let private withWorst text (worst: float[] -> float) (values: float[]) =
    if values |> Array.exists Double.IsFinite then
        $"{text (Statistics.Median values)} ({text (worst values)})"
    else
        "–"

let private percent (value: float) =
    if Double.IsFinite value then
        $"{Numbers.fixed' 1 (100.0 * value)} %%"
    else
        "–"

/// What each stage came to, of policies in their order.
let stages (outcome: ExperimentOutcome) =
    let least values = Array.min values
    let most values = Array.max values

    [
        "policy"
        "stage"
        "cycles"
        "adapted after (cycles)"
        "regret"
        "of the best"
        "of the best at the end"
        "cycles that miss an SLO"
        "changes noticed"
    ],
    [
        for s in outcome.Stages ->
            [
                ContenderStyle.label s.Contender
                (if s.Name = "" then "before any change" else s.Name)
                $"{s.FirstCycle} to {s.FirstCycle + s.Cycles - 1}"
                adapted s.Adapted
                withWorst (Numbers.fixed' 2) most s.Regret
                withWorst percent least s.ShareOfBest
                withWorst percent least s.ShareOfBestAtEnd
                withWorst percent most s.Violations
                withWorst (Numbers.fixed' 0) most (Array.map float s.Alarms)
            ]
    ]

/// Reward at each load.
let loads (outcome: ExperimentOutcome) =
    let text (load: LoadReward) =
        load.Loads
        |> List.map (fun rate -> rate.ToString CultureInfo.InvariantCulture)
        |> String.concat ", "

    [
        "policy"
        for load in outcome.Loads do
            let recorded =
                if load.IsRecorded then
                    "recorded before"
                else
                    "not recorded before"

            $"{text load} req/s, {recorded}, {Numbers.fixed' 0 (100.0 * load.Share)} %% of the cycles"
    ],
    [
        for contender in outcome.Contenders ->
            [
                ContenderStyle.label contender
                for load in outcome.Loads do
                    match load.Rewards |> List.tryFind (fun r -> r.Contender = contender) with
                    | Some found -> Wording.withInterval 3 found.Reward
                    | None -> "–"
            ]
    ]
