/// What an experiment came to in words: the answer to its question in a sentence, then what else was found, from the numbers.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.ReportAnswer

open OnlinePolicyAdaptation.Scenarios
open System
open MathNet.Numerics.Statistics

/// A contender's summary in the phase that the experiment is about.
let private find (outcome: ExperimentOutcome) contender =
    outcome.Summary
    |> List.tryFind (fun s -> s.Contender = contender && s.Phase = outcome.Settings.Phase)

/// By how much one earns more than another at the end, seed by seed: both meet the same chance.
let private difference (a: PhaseSummary) (b: PhaseSummary) =
    Array.map2 (-) a.SeedRewardsAtEnd b.SeedRewardsAtEnd
    |> ConfidenceInterval.ofSamples

/// Differences below this are none.
let private negligible = 0.0005

let private clearlyAbove a b =
    let difference = difference a b
    difference.Mean - difference.HalfWidth > 0.0 && difference.Mean > negligible

let private earned (s: PhaseSummary) = Wording.withInterval 3 s.RewardAtEnd

/// How a rollout policy ends after a change, beside the base policy and the optimum.
let private verdict (basePolicy: PhaseSummary) (optimum: PhaseSummary) (s: PhaseSummary) =
    if s.RewardAtEnd.Mean >= Adaptation.required optimum.RewardAtEnd.Mean then
        "recovers from the change"
    elif clearlyAbove s basePolicy then
        "improves on the base policy but does not recover"
    elif clearlyAbove basePolicy s then
        "ends worse than the base policy"
    else
        "cannot be told from the base policy"

/// How soon it did well, where that says more than the verdict.
let private adapting (s: PhaseSummary) =
    match ReportTables.median s.Adapted with
    | _, never when never = s.Adapted.Length -> ""
    | 0.0, 0 -> " at once"
    | middle, 0 ->
        let longest = s.Adapted |> Array.map (ValueOption.defaultValue 0) |> Array.max
        $" within {Numbers.fixed' 0 middle} cycles (median over {s.Adapted.Length} seeds, at most {longest})"
    | _, never -> $" with {s.Adapted.Length - never} of {s.Adapted.Length} seeds"

/// The optimum's reward at the end, and the share of it where that means something.
let private besideOptimum (optimum: PhaseSummary) (s: PhaseSummary) =
    if optimum.RewardAtEnd.Mean > 0.0 && s.RewardAtEnd.Mean >= 0.0 then
        $"{Numbers.fixed' 0 (100.0 * s.RewardAtEnd.Mean / optimum.RewardAtEnd.Mean)} %% of the optimum's {Numbers.fixed' 3 optimum.RewardAtEnd.Mean}"
    else
        $"the optimum {Numbers.fixed' 3 optimum.RewardAtEnd.Mean}"

/// The sentence on rollout with the longest lookahead, which the question is about.
let private headline (settings: RunSettings) (basePolicy: PhaseSummary) optimum horizon (rollout: PhaseSummary) =
    if settings.Changes then
        $"Rollout with lookahead l = {horizon} {verdict basePolicy optimum rollout}{adapting rollout}: over the last {settings.CyclesAtEnd} cycles it earns {earned rollout} per cycle, {besideOptimum optimum rollout}, where the unchanged base policy ({settings.BasePolicies.Head.Name}) earns {earned basePolicy}."
    else
        $"Rollout with lookahead l = {horizon} of the {settings.BasePolicies.Head.Name} policy earns {Wording.withInterval 3 rollout.Reward} per cycle, where the policy itself earns {Wording.withInterval 3 basePolicy.Reward} and the optimum {Wording.withInterval 3 optimum.Reward}."

let private nothingHappened =
    "The system did not change within the cycles of this run."

/// The answer to the experiment's question, in a sentence.
let sentence (outcome: ExperimentOutcome) =
    let settings = outcome.Settings

    match find outcome Contender.Base, find outcome Contender.Optimum with
    | Some basePolicy, Some optimum ->
        let rollout =
            match settings.Lookahead with
            | [] -> None
            | horizons ->
                let horizon = List.max horizons

                find outcome (Contender.Rollout horizon)
                |> Option.map (headline settings basePolicy optimum horizon)

        rollout
        |> Option.defaultValue
            $"The base policy ({settings.BasePolicies.Head.Name}) earns {Wording.withInterval 3 basePolicy.Reward} per cycle, the optimum {Wording.withInterval 3 optimum.Reward}."
    | _ -> nothingHappened

/// What shorter lookahead comes to after a change.
let private shorter (outcome: ExperimentOutcome) (basePolicy: PhaseSummary) (optimum: PhaseSummary) =
    match List.distinct outcome.Settings.Lookahead |> List.sort with
    | []
    | [ _ ] -> []
    | horizons ->
        horizons
        |> List.take (horizons.Length - 1)
        |> List.choose (fun horizon ->
            find outcome (Contender.Rollout horizon)
            |> Option.map (fun s ->
                let adapting =
                    match ReportTables.median s.Adapted with
                    | _, never when never = s.Adapted.Length -> "; no seed adapts"
                    | _, never when never > 0 -> $"; {s.Adapted.Length - never} of {s.Adapted.Length} seeds adapt"
                    | _ -> ""

                $"With l = {horizon} rollout {verdict basePolicy optimum s}: {earned s} per cycle at the end{adapting}."))

/// How often the larger of two positive numbers holds the smaller, as one says it.
let private times (larger: float) smaller =
    let ratio = larger / smaller

    if ratio >= 10.0 then
        let digits = Math.Pow(10.0, Math.Floor(Math.Log10 ratio) - 1.0)
        $"{Math.Round(ratio / digits) * digits} times"
    else
        $"{Numbers.fixed' 1 ratio} times"

/// Rollout beside a policy that was retrained: what they earn, and what they need.
let private retraining (outcome: ExperimentOutcome) (rollout: PhaseSummary) =
    match find outcome (Contender.Retrained false) with
    | None -> []
    | Some retrained ->
        let earns =
            if clearlyAbove retrained rollout then
                $"{Wording.withInterval 3 (difference retrained rollout)} more than"
            elif clearlyAbove rollout retrained then
                $"{Wording.withInterval 3 (difference rollout retrained)} less than"
            else
                "which cannot be told from"

        let needs =
            match retrained.AdaptationSeconds, rollout.AdaptationSeconds with
            | [||], _
            | _, [||] -> ""
            | training, deciding ->
                let training = Statistics.Median training
                let deciding = Statistics.Median deciding

                let computing =
                    $" Retraining computes for {Wording.duration training}, rollout for {Wording.duration deciding} until it has adapted ({times training deciding} less)"

                if rollout.AdaptationCycles > 0.0 && Double.IsFinite rollout.AdaptationCycles then
                    let measuring cycles =
                        match outcome.Settings.SecondsPerCycle with
                        | Some seconds -> $" ({Wording.duration (seconds * cycles)})"
                        | None -> ""

                    $"{computing}; retraining needs {Numbers.fixed' 0 retrained.AdaptationCycles} measurements of the new system first{measuring retrained.AdaptationCycles}, rollout {Numbers.fixed' 0 rollout.AdaptationCycles}{measuring rollout.AdaptationCycles}."
                else
                    computing + "."

        [
            $"A policy retrained on the new system earns {earned retrained} at the end, {earns} rollout's {earned rollout}.{needs}"
        ]

/// What rollout makes of the other base policies, and what it is one control after another.
let private others (outcome: ExperimentOutcome) horizon =
    let made (policy: DescribedBasePolicy) =
        let summary use' =
            find outcome (Contender.Further(policy.Name, use'))

        match summary BasePolicyUse.Unchanged, summary (BasePolicyUse.Rollout horizon) with
        | Some unchanged, Some rollout ->
            Some
                $"{policy.Name} {Numbers.fixed' 3 rollout.RewardAtEnd.Mean} (unchanged {Numbers.fixed' 3 unchanged.RewardAtEnd.Mean})"
        | _ -> None

    [
        match find outcome (Contender.Multiagent horizon) with
        | Some multiagent ->
            $"One control after another (multiagent), rollout with l = {horizon} earns {earned multiagent} at the end."
        | None -> ()
        match outcome.Settings.BasePolicies |> List.tail |> List.choose made with
        | [] -> ()
        | changes ->
            let changes = String.concat ", " changes
            $"Rollout with l = {horizon} of the other base policies earns at the end, per cycle: {changes}."
    ]

/// What else was found, a sentence or two each.
let findings (outcome: ExperimentOutcome) =
    let settings = outcome.Settings

    match find outcome Contender.Base, find outcome Contender.Optimum, settings.Lookahead with
    | Some basePolicy, Some optimum, (_ :: _ as horizons) ->
        let horizon = List.max horizons

        [
            if settings.Changes then
                yield! shorter outcome basePolicy optimum

                match find outcome (Contender.Rollout horizon) with
                | Some rollout -> yield! retraining outcome rollout
                | None -> ()
            yield! others outcome horizon
            match find outcome (Contender.Rollout horizon) with
            | Some rollout ->
                $"A decision of rollout with l = {horizon} takes {Wording.duration rollout.MedianDecisionSeconds} (median; of the slowest seed {Wording.duration rollout.SlowestSeedDecisionSeconds}), the re-estimation of the system model included."
            | None -> ()
        ]
    | _ -> []
