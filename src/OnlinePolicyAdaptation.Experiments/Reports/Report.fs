/// The page about an experiment.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Report

open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.ControlCycle

/// The words that a reader needs who has not met them.
let private words (outcome: ExperimentOutcome) =
    [
        "control cycle", "take the metrics of the last monitoring interval, re-estimate the system model, decide, act"
        "base policy", "what the operator has: it says what to do in each configuration, and does not learn"
        "rollout",
        "in each cycle, compare the possible actions on the system model, each followed by the base policy; take the best"
        "lookahead l", "steps that are compared before the base policy takes over"
        if outcome.Contenders |> List.exists _.ComparesBasePolicies then
            "multiagent rollout", "the same, but one control is chosen after another: cheaper with many controls"
        if
            outcome.Contenders
            |> List.exists (fun contender ->
                match contender with
                | Contender.Retrained _ -> true
                | _ -> false)
        then
            "retrained",
            "a network trained by reinforcement learning (PPO) on a recording of the whole new system, shown as if it were in place at once"
        "optimum", "the best policy for someone who has measured all of the system"
        "SLO", "service-level objective: the bound of a mean response time"
    ]

let private settings (outcome: ExperimentOutcome) =
    let settings = outcome.Settings

    let trace (t: DescribedTrace) =
        $"{t.File}: {t.Rows} rows, and {t.RowsWithoutService} left out in which nothing was served"

    let samples =
        match EstimationSyntax.forgetting settings.Forgetting with
        | Ok forgetting -> EstimationSyntax.describe forgetting
        | Error _ -> settings.Forgetting

    [
        "scenario", settings.Scenario
        "cycles",
        (match List.tail settings.Stages with
         | [] -> $"{settings.Cycles}, the system does not change"
         | [ change ] -> $"{settings.Cycles}, the system changes before cycle {change.FirstCycle}"
         | changes ->
             let stages =
                 changes
                 |> List.map (fun stage -> $"{stage.Name} from cycle {stage.FirstCycle} on")
                 |> String.concat ", "

             $"{settings.Cycles}; {stages}")
        for service in settings.Services do
            $"load of {service.Name}", service.Load
        match settings.Environment with
        | "simulation" -> "system", "simulated mesh; the traces are what is known of it"
        | "testbed" -> "system", "testbed, real requests on one machine; the traces are what is known of it"
        | _ -> ()
        "seeds", $"1 to {settings.Seeds}"
        for policy in settings.BasePolicies do
            $"base policy {policy.Name}", policy.Description
        "lookahead", settings.Lookahead |> List.map string<int> |> String.concat ", "
        "start", settings.Start
        "discount", string<float> settings.Discount
        "system model",
        $"random forest of {settings.Trees} trees on {samples}; {settings.RegrownTrees} trees grown anew per cycle; planned with: {settings.Outlook}"
        match settings.Traces with
        | [ before; after ] when settings.Environment <> "simulation" ->
            "trace before the change", trace before
            "trace after the change", trace after
        | traces ->
            for one in traces do
                "trace", trace one
        "software", outcome.Software
        "computing time", Wording.duration outcome.ElapsedSeconds
    ]

let private meanOfSeeds (settings: RunSettings) =
    if settings.Seeds = 1 then
        "One seed, so there are no confidence intervals."
    else
        $"Mean over {settings.Seeds} seeds ± half the width of its 95 %% confidence interval."

let private summary (outcome: ExperimentOutcome) =
    [
        "<h2>In numbers</h2>"
        ReportTables.summary outcome ||> Page.table
        Page.caption
            $"{meanOfSeeds outcome.Settings} At the end: over the last {outcome.Settings.CyclesAtEnd} cycles of the run, and the share of what the optimum earns in these."
    ]

let private adaptation (outcome: ExperimentOutcome) =
    [
        if outcome.Settings.ChangesWithinRun then
            "<h2>Time to adapt</h2>"
            ReportTables.adaptation outcome ||> Page.table

            Page.caption
                "A seed has adapted at the first cycle from which on 20 cycles earn, in expectation, at least 95 % of what the configuration earns that is best by its expected reward, or the optimum where the load changes; loads at which the change does not matter do not count. Rollout needs what it measures while it runs. The optimum, and retraining, need a recording of the new system over all its configurations before they can begin; they are shown as if they were in place at once."
    ]

/// Stage by stage.
let private stages (outcome: ExperimentOutcome) =
    match outcome.Stages with
    | [] -> []
    | _ ->
        [
            "<h2>Stage by stage</h2>"
            ReportTables.stages outcome ||> Page.table
            Page.caption
                $"Medians over seeds, and in brackets the worst seed. Regret is dynamic: what the configuration that is best by its expected reward in each cycle's system and load would have earned more, in expectation, added up over the stage. A seed has adapted once it earns 95 %% of that over 20 cycles, or to the end of the stage where at least {StageSummary.leastCycles} are left."
        ]

let private comparison (outcome: ExperimentOutcome) =
    match ComparisonChart.figure outcome with
    | None -> []
    | Some figure ->
        let means =
            if outcome.Settings.Changes then
                "After the change. "
            else
                ""

        let leftOut = ReportTables.leftOut outcome.Settings |> Option.defaultValue ""

        [
            Page.figure figure
            ReportTables.comparison outcome ||> Page.table
            Page.caption
                $"{means}{meanOfSeeds outcome.Settings} Times are medians. Cores are those of all nodes whose cores are controlled. {leftOut}"
        ]

let private loads (outcome: ExperimentOutcome) =
    match outcome.Loads with
    | [] -> []
    | _ ->
        let after =
            if outcome.Settings.ChangesWithinRun then
                "After the change; mean"
            else
                "Mean"

        [
            "<h2>Reward per cycle at each load</h2>"
            ReportTables.loads outcome ||> Page.table
            Page.caption
                $"{after} over the seeds that met the load ± half the width of its 95 %% confidence interval. A load that was not recorded before is one that neither the base policy nor the system model had seen."
        ]

/// What there is to see of planning on the known system, where the experiment has a study of it.
let private study (outcome: ExperimentOutcome) =
    match outcome.Study with
    | None -> []
    | Some study ->
        [
            "<h2>Planning where the system is known</h2>"
            Page.paragraph (PlanningReport.answer study)
            PlanningReport.table study ||> Page.table
            yield! PlanningReport.figures study |> List.map Page.figure
        ]

/// The page. It says nothing that is not in the results.
let html (results: ExperimentResults) =
    let outcome = results.Outcome
    let charts = CycleCharts.all results |> List.map Page.figure

    Page.html
        outcome.Settings.Title
        outcome.Settings.Question
        (ReportAnswer.sentence outcome)
        [
            Page.list (ReportAnswer.findings outcome)
            List.head charts
            yield! adaptation outcome
            yield! stages outcome
            yield! comparison outcome
            yield! loads outcome
            yield! summary outcome
            yield! List.tail charts
            yield! study outcome
            Page.definitions "Words" (words outcome)
            Page.settings (settings outcome) outcome.Command
        ]
