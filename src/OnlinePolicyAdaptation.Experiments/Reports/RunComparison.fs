namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open XPlot.Plotly

/// One of several runs that are compared.
type NamedRun =
    {
        /// What tells it apart, such as its folder.
        Name: string
        Results: ExperimentResults
    }

/// The page that compares several runs: the same scenario with other settings, or other scenarios.
[<RequireQualifiedAccess>]
module RunComparison =

    /// A contender's summary in the phase that the run is about.
    let private find contender run =
        let outcome = run.Results.Outcome

        outcome.Summary
        |> List.tryFind (fun s -> s.Contender = contender && s.Phase = outcome.Settings.Phase)

    /// The policies of all runs, those of the first run first.
    let private contenders runs =
        runs |> List.collect _.Results.Outcome.Contenders |> List.distinct

    /// The rollout policy that all runs have with the longest lookahead; none where they have none in common.
    let private common runs =
        let horizons run =
            run.Results.Outcome.Settings.Lookahead |> Set.ofList

        let shared = runs |> List.map horizons |> Set.intersectMany

        if shared.IsEmpty then
            None
        else
            Some(Contender.Rollout shared.MaximumElement)

    let private seedsDiffer runs =
        runs
        |> List.map _.Results.Outcome.Settings.Seeds
        |> List.distinct
        |> List.length
            >
            1

    /// A row per policy and run.
    let table runs =
        [
            "policy"
            "run"
            if seedsDiffer runs then
                "seeds"
            "reward per cycle"
            "at the end"
            "SLO missed (% of cycles)"
            "CPU cores"
            "prediction error (NMAE)"
            "adapted after (cycles)"
            "median time to decide"
        ],
        [
            for contender in contenders runs do
                for run in runs do
                    match find contender run with
                    | None -> ()
                    | Some s ->
                        [
                            ContenderStyle.label contender
                            run.Name
                            if seedsDiffer runs then
                                string<int> run.Results.Outcome.Settings.Seeds
                            Wording.withInterval 3 s.Reward
                            Wording.withInterval 3 s.RewardAtEnd
                            Wording.percent s.Violations
                            Wording.withInterval 2 s.CpuCores
                            Wording.withInterval 3 s.ModelError
                            ReportTables.adapted s.Adapted
                            ReportTables.decisionTime s
                        ]
        ]

    /// Settings by name, as text.
    let private described (settings: RunSettings) =
        [
            "scenario", settings.Scenario
            "seeds", string<int> settings.Seeds
            "cycles", string<int> settings.Cycles
            "the system changes before cycle",
            (if settings.Changes then
                 string<int> settings.ChangeAt
             else
                 "–")
            "system", settings.Environment
            for service in settings.Services do
                $"load of {service.Name}", service.Load
                $"bound of {service.Name}", $"{service.ObjectiveSeconds} s"
            "base policies", settings.BasePolicies |> List.map _.Description |> String.concat "; "
            "lookahead", settings.Lookahead |> List.map string<int> |> String.concat ", "
            "start", settings.Start
            "discount", string<float> settings.Discount
            "trees", $"{settings.Trees}, {settings.RegrownTrees} grown anew per cycle"
            "forgetting", settings.Forgetting
            "outlook", settings.Outlook
            "load step", $"{settings.LoadStep} req/s"
            "traces", settings.Traces |> List.map _.File |> String.concat ", "
        ]

    /// The settings that differ, a column per run.
    let differences runs =
        let settings =
            runs |> List.map (_.Results.Outcome.Settings >> described >> Map.ofList)

        let names =
            runs
            |> List.collect (_.Results.Outcome.Settings >> described >> List.map fst)
            |> List.distinct

        "setting" :: (runs |> List.map _.Name),
        [
            for name in names do
                let values = settings |> List.map (Map.tryFind name >> Option.defaultValue "–")

                if (List.distinct values).Length > 1 then
                    name :: values
        ]

    /// What the rollout policy earns in each run, or each run's optimum where there is no rollout in common.
    let answer runs =
        let contender = common runs |> Option.defaultValue Contender.Optimum

        let earned =
            runs
            |> List.choose (fun run ->
                find contender run
                |> Option.map (fun s -> $"{Wording.withInterval 3 s.Reward} in {run.Name}"))

        match earned with
        | [] -> "The runs have no policy in common."
        | _ ->
            let earned = String.concat ", " earned
            $"Per cycle, {ContenderStyle.label contender} earns {earned}."

    let private points runs (names: Contender list) index run : Trace =
        let found =
            [
                for row, contender in List.indexed names do
                    match find contender run with
                    | Some s -> row, s.Reward
                    | None -> ()
            ]

        let offset = 0.25 - 0.5 * float index / float (max 1 (List.length runs - 1))
        let colour = Palette.ofSeries index

        Scatter(
            x = (found |> List.map (fun (_, e) -> e.Mean)),
            y = (found |> List.map (fun (row, _) -> float (names.Length - 1 - row) + offset)),
            mode = "markers",
            name = run.Name,
            error_x =
                Error_x(
                    ``type`` = "data",
                    array =
                        (found
                         |> List.map (fun (_, e) -> if System.Double.IsNaN e.HalfWidth then 0.0 else e.HalfWidth)),
                    color = colour,
                    thickness = 2.0,
                    width = 4.0
                ),
            marker = Marker(color = colour, size = 9.0, symbol = Drawing.symbol index)
        )

    /// Base policies of a comparison are left to the table.
    let private rewards runs =
        let names =
            contenders runs
            |> List.filter (fun contender -> not contender.ComparesBasePolicies)

        let layout =
            Drawing.layout
                (Xaxis(title = "reward per cycle"))
                (Yaxis(
                    tickmode = "array",
                    tickvals = [ for row in 0 .. names.Length - 1 -> names.Length - 1 - row ],
                    ticktext = (names |> List.map ContenderStyle.shortLabel),
                    zeroline = false,
                    range = [ -0.5; float names.Length - 0.5 ]
                ))

        {
            Heading = "Reward per cycle"
            Caption =
                "After the change, where the system changes, the cycles of adapting included: means over the seeds of each run with 95 % confidence intervals."
            Chart = Chart.Plot(List.mapi (points runs names) runs, layout)
        }

    let private overCycles contender runs =
        let line index run : Trace =
            let means =
                run.Results.Cycles
                |> Array.filter (fun c -> c.Contender = contender)
                |> Array.groupBy _.Cycle
                |> Array.sortBy fst
                |> Array.choose (fun (cycle, group) ->
                    match group |> Array.choose (_.Reward >> ValueOption.toOption) with
                    | [||] -> None
                    | rewards -> Some(float cycle, Array.average rewards))

            Drawing.line run.Name (Palette.ofSeries index) "solid" means

        {
            Heading = $"Reward of {ContenderStyle.label contender}, cycle by cycle"
            Caption = "Mean over the seeds of each run."
            Chart =
                Chart.Plot(
                    List.mapi line runs,
                    Drawing.layout (Xaxis(title = "control cycle")) (Yaxis(title = "reward per cycle"))
                )
        }

    /// The page about two or more runs. `command` makes it again.
    let html runs command =
        let title =
            match runs |> List.map _.Results.Outcome.Settings.Title |> List.distinct with
            | [ title ] -> $"{title}: {runs.Length} runs compared"
            | _ -> $"{runs.Length} runs compared"

        let questions =
            runs |> List.map _.Results.Outcome.Settings.Question |> List.distinct

        Page.html
            title
            (String.concat " " questions)
            (answer runs)
            [
                "<h2>What differs</h2>"
                (match differences runs with
                 | _, [] -> Page.paragraph "The runs have the same settings."
                 | header, rows -> Page.table header rows)
                Page.figure (rewards runs)
                table runs ||> Page.table
                Page.caption
                    "After the change, where the system changes. Means over seeds ± half the width of their 95 % confidence intervals; times are medians."
                match common runs with
                | Some contender -> Page.figure (overCycles contender runs)
                | None -> ()
                Page.settings
                    [
                        for run in runs do
                            run.Name, $"{run.Results.Outcome.Command} ({run.Results.Outcome.Software})"
                    ]
                    command
            ]
