/// The page about an experiment.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Report

open System
open System.Globalization
open OnlinePolicyAdaptation.ControlCycle

let private number digits (value: float) =
    if Double.IsFinite value then
        value.ToString("F" + string<int> digits, CultureInfo.InvariantCulture)
    else
        "–"

let private withInterval digits (e: ConfidenceInterval) =
    if Double.IsNaN e.HalfWidth then
        number digits e.Mean
    else
        $"{number digits e.Mean} ± {number digits e.HalfWidth}"

let private percent (e: ConfidenceInterval) =
    withInterval
        0
        {
            Mean = 100.0 * e.Mean
            HalfWidth = 100.0 * e.HalfWidth
        }

/// The cycles after which half of the seeds had adapted, infinite where they did not; and how many never did.
let private median (cycles: int voption[]) =
    let cycles =
        cycles |> Array.map (ValueOption.map float >> ValueOption.defaultValue infinity)

    MathNet.Numerics.Statistics.Statistics.Median cycles, cycles |> Array.filter Double.IsInfinity |> Array.length

/// The median over seeds, and the seed that took longest, or how many seeds never adapted.
let private adapted (cycles: int voption[]) =
    match cycles, median cycles with
    | [||], _ -> "–"
    | _, (_, never) when never = cycles.Length -> "never"
    | _, (middle, never) when never > 0 ->
        let middle = if Double.IsFinite middle then number 0 middle else "never"
        $"{middle} ({never} of {cycles.Length} seeds never)"
    | _, (middle, _) ->
        let longest = cycles |> Array.map (ValueOption.defaultValue 0) |> Array.max
        $"{number 0 middle} (at most {longest})"

/// What the detection of changes did: the share of seeds that noticed, and how soon; before the change, false alarms.
let private detection (s: PhaseSummary) =
    match s.Phase with
    | Phase.Before -> $"{number 1 s.FalseAlarms} per 1,000 cycles"
    | Phase.After ->
        match
            s.DetectionDelays
            |> Array.choose (ValueOption.map float >> ValueOption.toOption)
        with
        | [||] -> "–"
        | delays ->
            $"after {number 0 (MathNet.Numerics.Statistics.Statistics.Median delays)} cycles, {delays.Length} of {s.DetectionDelays.Length} seeds"

/// The share of the optimum's reward, at the end of a run.
let private share (s: PhaseSummary) =
    if s.ShareOfOptimum < 0.0 then
        "below 0"
    elif Double.IsFinite s.ShareOfOptimum then
        $"{number 0 (100.0 * s.ShareOfOptimum)} %%"
    else
        "–"

/// The header and the cells of the summary table, for the page and the terminal alike.
let summaryTable (scenario: Scenario) (summary: PhaseSummary list) =
    [
        "policy"
        "phase"
        "reward per cycle"
        "at the end"
        "of the optimum's"
        "SLO missed (% of cycles)"
        "prediction error (NMAE)"
        "adapted after (cycles)"
        "change noticed"
        "median time to decide"
    ],
    [
        for s in summary |> List.filter (fun s -> not s.Contender.ComparesBasePolicies) ->
            [
                Charts.label s.Contender
                (if Scenario.changes scenario then
                     $"{Scenario.phaseName scenario s.Phase} the change"
                 else
                     Scenario.phaseName scenario s.Phase)
                withInterval 3 s.Reward
                withInterval 3 s.RewardAtEnd
                share s
                percent s.Violations
                withInterval 3 s.ModelError
                adapted s.Adapted
                detection s
                Page.duration s.MedianDecisionSeconds
            ]
    ]

/// What adapting took, in computing.
let private computing (s: PhaseSummary) =
    match s.Contender, s.AdaptationSeconds with
    | Contender.Optimum, _ -> "given"
    | _, [||] -> "–"
    | _, seconds -> Page.duration (MathNet.Numerics.Statistics.Statistics.Median seconds)

/// Every base policy and what is made of it, after the change: the header and the cells.
let comparisonTable (scenario: Scenario) (summary: PhaseSummary list) =
    let milliseconds (e: ConfidenceInterval) =
        withInterval
            1
            {
                Mean = 1000.0 * e.Mean
                HalfWidth = 1000.0 * e.HalfWidth
            }

    let way (s: PhaseSummary) =
        match s.Contender with
        | Contender.Retrained _
        | Contender.Optimum -> "–", Charts.label s.Contender
        | contender ->
            let name =
                Experiment.basePolicyOf scenario contender
                |> Option.map fst
                |> Option.defaultValue "–"

            name,
            match contender, contender.Planner with
            | Contender.RolloutForgetting _, _ -> Charts.label contender
            | _, Planner.BasePolicy -> "unchanged"
            | _, Planner.Rollout horizon -> Charts.label (Contender.Rollout horizon)
            | _, Planner.MultiagentRollout horizon -> Charts.label (Contender.Multiagent horizon)

    [
        "base policy"
        "used"
        "reward per cycle"
        "at the end"
        "of the optimum's"
        "SLO missed (% of cycles)"
        "by (ms, mean of all cycles)"
        "CPU cores"
        "adapted after (cycles)"
        "computing until adapted"
        "median time to decide"
    ],
    [
        for s in summary |> List.filter (fun s -> s.Phase = Phase.After) do
            let basePolicy, used = way s

            [
                basePolicy
                used
                withInterval 3 s.Reward
                withInterval 3 s.RewardAtEnd
                share s
                percent s.Violations
                milliseconds s.Excess
                withInterval 2 s.CpuCores
                adapted s.Adapted
                computing s
                Page.duration s.MedianDecisionSeconds
            ]
    ]

/// Why a base policy has no multiagent rollout, in words; nothing where each has.
let leftOut scenario =
    match Experiment.withoutMultiagent scenario with
    | [] -> None
    | reasons ->
        let reasons =
            reasons
            |> List.map (fun (name, reason) -> $"{name}: {reason}")
            |> String.concat "; "

        Some $"Without multiagent rollout: {reasons}."

/// What it took to adapt: the header and the cells.
let adaptationTable (summary: PhaseSummary list) =
    [
        "policy"
        "seeds that adapted"
        "adapted after (cycles)"
        "computing until adapted (median of these)"
        "measurements of the new system (median of all seeds)"
        "reward per cycle"
        "at the end"
    ],
    [
        for s in summary |> List.filter (fun s -> not s.Contender.ComparesBasePolicies) do
            match s.Phase with
            | Phase.Before -> ()
            | Phase.After ->
                [
                    Charts.label s.Contender
                    $"{s.Adapted |> Array.filter ValueOption.isSome |> Array.length} of {s.Adapted.Length}"
                    adapted s.Adapted
                    computing s
                    (if Double.IsFinite s.AdaptationCycles then
                         number 0 s.AdaptationCycles
                     else
                         "never")
                    withInterval 3 s.Reward
                    withInterval 3 s.RewardAtEnd
                ]
    ]

/// Reward at each load after the change, or before it where the system does not change: the header and the cells.
let private loadTable (result: ExperimentResult) =
    let phase =
        if result.Observations |> Array.exists (fun o -> o.Phase = Phase.After) then
            Phase.After
        else
            Phase.Before

    let text (load: LoadSummary.LoadReward) =
        load.Loads
        |> List.map (fun rate -> rate.ToString CultureInfo.InvariantCulture)
        |> String.concat ", "

    let loads = LoadSummary.ofPhase result phase

    [
        "policy"
        for load in loads do
            let recorded =
                if load.IsRecorded then
                    "recorded before"
                else
                    "not recorded before"

            $"{text load} req/s, {recorded}, {number 0 (100.0 * load.Share)} %% of the cycles"
    ],
    [
        for contender in result.Contenders ->
            [
                Charts.label contender
                for load in loads do
                    match load.Rewards |> List.tryFind (fst >> (=) contender) with
                    | Some(_, reward) -> withInterval 3 reward
                    | None -> "–"
            ]
    ]

let private after contender (summary: PhaseSummary list) =
    summary
    |> List.tryFind (fun s -> s.Contender = contender && s.Phase = Phase.After)

let private clearlyAbove (a: ConfidenceInterval) (b: ConfidenceInterval) =
    a.Mean - a.HalfWidth > b.Mean + b.HalfWidth

/// How a policy ends, beside the base policy and the optimum.
let private verdict (basePolicy: PhaseSummary) (optimum: PhaseSummary) (s: PhaseSummary) =
    if s.RewardAtEnd.Mean >= Adaptation.required optimum.RewardAtEnd.Mean then
        "recovers"
    elif clearlyAbove s.RewardAtEnd basePolicy.RewardAtEnd then
        "improves on it but does not recover"
    elif clearlyAbove basePolicy.RewardAtEnd s.RewardAtEnd then
        "ends worse than the base policy"
    else
        "cannot be told from the base policy"

let private adaptedInWords (s: PhaseSummary) =
    match median s.Adapted with
    | _, never when never = s.Adapted.Length -> "never adapts"
    | middle, 0 -> $"has adapted after {number 0 middle} cycles (median over seeds)"
    | _, never -> $"adapts with {s.Adapted.Length - never} of {s.Adapted.Length} seeds"

/// What a policy earns at the end, beside the optimum and what retraining gives.
let private endInWords cycles (optimum: PhaseSummary) (retrained: PhaseSummary option) (s: PhaseSummary) =
    let beside name (other: PhaseSummary) =
        let earned = other.RewardAtEnd.Mean

        if earned > 0.0 && s.RewardAtEnd.Mean >= 0.0 then
            $"{number 0 (100.0 * s.RewardAtEnd.Mean / earned)} %% of {name}'s {number 3 earned}"
        else
            $"{name} earning {number 3 earned}"

    let others =
        [
            beside "the optimum" optimum
            yield! retrained |> Option.map (beside "the retrained policy") |> Option.toList
        ]
        |> String.concat " and "

    $"earns {withInterval 3 s.RewardAtEnd} per cycle over the last {cycles} cycles, {others}"

/// What the longest rollout makes of the other base policies, and what it is one control after another.
let private others (scenario: Scenario) (summary: PhaseSummary list) =
    let made horizon name =
        match
            after (Contender.Further(name, BasePolicyUse.Unchanged)) summary,
            after (Contender.Further(name, BasePolicyUse.Rollout horizon)) summary
        with
        | Some unchanged, Some rollout ->
            Some $"{name} {number 3 rollout.RewardAtEnd.Mean} (unchanged {number 3 unchanged.RewardAtEnd.Mean})"
        | _ -> None

    match scenario.Horizons, Experiment.basePolicies scenario |> List.tail |> List.map fst with
    | [], _
    | _, [] -> []
    | horizons, names ->
        let horizon = List.max horizons
        let changes = names |> List.choose (made horizon) |> String.concat ", "

        [
            match after (Contender.Multiagent horizon) summary with
            | Some multiagent ->
                $"One control after another, rollout with l = {horizon} earns {withInterval 3 multiagent.RewardAtEnd} at the end."
            | None -> ()
            $"At the end rollout with l = {horizon} of the other base policies earns, per cycle: {changes}."
        ]

/// The answer to the experiment's question in words, from the numbers.
let answer (scenario: Scenario) (summary: PhaseSummary list) =
    let cycles = Adaptation.cyclesAtEnd (scenario.Cycles - scenario.ChangeAt)
    let retrained = after (Contender.Retrained false) summary

    let sentence (basePolicy: PhaseSummary) (optimum: PhaseSummary) horizon =
        after (Contender.Rollout horizon) summary
        |> Option.map (fun rollout ->
            let adapting =
                if Scenario.changes scenario then
                    $" {verdict basePolicy optimum rollout}: it {adaptedInWords rollout} and"
                else
                    ""

            $"Rollout with l = {horizon}{adapting} {endInWords cycles optimum retrained rollout}; it decides in {Page.duration rollout.MedianDecisionSeconds}.")

    match after Contender.Base summary, after Contender.Optimum summary with
    | Some basePolicy, Some optimum ->
        [
            (if Scenario.changes scenario then
                 "After the change the"
             else
                 "The")
            + $" unchanged base policy ({GivenPolicy.kind scenario.BasePolicy}) earns {withInterval 3 basePolicy.Reward} per cycle."
            yield! scenario.Horizons |> List.distinct |> List.choose (sentence basePolicy optimum)
            yield! others scenario summary
        ]
        |> String.concat " "
    | _ -> "The system did not change within the cycles of this run."

let private settings (result: ExperimentResult) command =
    let scenario = result.Scenario

    let trace (t: OnlinePolicyAdaptation.Domain.Environments.TestbedTrace) =
        $"{t.Path}: {t.Rows.Count} rows, and {t.RowsWithoutService} left out in which nothing was served"

    let items =
        [
            "scenario", scenario.Name
            if Scenario.changes scenario then
                "cycles", $"{scenario.Cycles}, the system changes before cycle {scenario.ChangeAt}"
            else
                "cycles", $"{scenario.Cycles}, the system does not change"
            for name, load in Seq.zip scenario.Topology.Services scenario.OfferedLoads do
                $"load of {name}", OfferedLoad.describe load
            match scenario.System with
            | ManagedSystem.Traces -> ()
            | ManagedSystem.Mesh _ -> "system", "simulated mesh; the traces are what is known of it"
            "seeds", $"1 to {scenario.Seeds}"
            for name, policy in Experiment.basePolicies scenario do
                $"base policy {name}", GivenPolicy.describe policy
            "lookahead", scenario.Horizons |> List.map string<int> |> String.concat ", "
            "start", scenario.Grid.Describe scenario.Start
            "discount", string<float> scenario.Discount.Value
            "system model",
            $"random forest of {scenario.Estimation.Forest.Trees} trees on {EstimationSyntax.describe scenario.Estimation.Forgetting}; {scenario.Estimation.RegrownTrees} trees grown anew per cycle; planned with: {EstimationSyntax.outlookName scenario.Estimation.Outlook}"
            if Scenario.changes scenario then
                "trace before the change", trace result.Traces.Before
                "trace after the change", trace result.Traces.After
            else
                "trace", trace result.Traces.Before
            "software", ResultFile.softwareVersion
            "computing time", Page.duration result.Elapsed.TotalSeconds
        ]

    Page.settings items command

/// The page. `summary` is that of the result, `command` runs the experiment again.
let html (result: ExperimentResult) summary command =
    let scenario = result.Scenario

    let caption text =
        $"""<p class="caption">{Page.encode text}</p>"""

    Page.html
        scenario.Title
        scenario.Question
        (answer scenario summary)
        [
            summaryTable scenario summary ||> Page.table
            caption
                $"Mean over {scenario.Seeds} seeds ± half the width of its 95 %% confidence interval. At the end: over the last {Adaptation.cyclesAtEnd (scenario.Cycles - scenario.ChangeAt)} cycles of the run, and the share of what the optimum earns in these."
            if Scenario.changes scenario && scenario.ChangeAt < scenario.Cycles then
                "<h2>Time to adapt</h2>"
                adaptationTable summary ||> Page.table

                caption
                    "A seed has adapted at the first cycle from which on 20 cycles earn, in expectation, at least 95 % of what the configuration earns that is best by its mean response times, or the optimum where the load changes; loads at which the change does not matter do not count. Rollout needs what it measures while it runs. The optimum, and retraining, need a recording of the new system over all its configurations before they can begin; they are shown as if they were in place at once."
            match Charts.comparison scenario summary with
            | Some figure ->
                Page.figure figure
                comparisonTable scenario summary ||> Page.table

                caption
                    $"""{(if Scenario.changes scenario then
                              "After the change; means"
                          else
                              "Means")} over {scenario.Seeds} seeds ± half the width of their 95 %% confidence intervals, times are medians. Cores are those of all nodes whose cores are controlled. {leftOut scenario |> Option.defaultValue String.Empty}"""
            | None -> ()
            if (Scenario.loadLevels scenario).Length > 1 then
                "<h2>Reward per cycle at each load</h2>"
                loadTable result ||> Page.table

                caption
                    "After the change, if there is one; mean over the seeds that met the load. A load that was not recorded before is one that neither the base policy nor the system model had seen."
            yield! Charts.all result |> List.map Page.figure
            settings result command
        ]
