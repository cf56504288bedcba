namespace OnlinePolicyAdaptation.Experiments

open OnlinePolicyAdaptation.Scenarios
open System
open System.Data
open System.IO
open Sylvan.Data.Csv
open XPlot.Plotly

/// What a sweep came to: one table and one page.
[<RequireQualifiedAccess>]
module SweepReport =

    let private number = Numbers.fixed' 3

    let private find (point: SweptPoint) policy phase measure =
        point.Measures
        |> List.tryFind (fun m -> m.Policy = policy && m.Phase = phase && m.Measure = measure)

    /// The phase that is looked at: after the change, where there is one.
    let private phase (points: SweptPoint list) =
        let phases =
            points |> List.collect (_.Measures >> List.map _.Phase) |> List.distinct

        [ "after"; "all"; "before" ]
        |> List.tryFind (fun phase -> List.contains phase phases)
        |> Option.defaultValue "all"

    /// The same in words, with a blank before.
    let private inPhase points =
        match phase points with
        | "all" -> ""
        | phase -> $" {phase} the change"

    let private policies (points: SweptPoint list) =
        points |> List.collect (_.Measures >> List.map _.Policy) |> List.distinct

    let private label (point: SweptPoint) =
        match point.Settings with
        | [ _, value ] -> value
        | settings -> settings |> List.map snd |> String.concat ", "

    /// A row per point and policy.
    let table (points: SweptPoint list) =
        let phase = phase points
        let fields = points |> List.collect (_.Settings >> List.map fst) |> List.distinct

        let interval (m: SweepMeasure option) =
            match m with
            | Some m when Double.IsFinite m.HalfWidth -> $"{number m.Mean} ± {number m.HalfWidth}"
            | Some m -> number m.Mean
            | None -> "–"

        fields
        @ [
            "policy"
            "reward per cycle"
            "at the end"
            "SLO missed"
            "adapted seeds"
            "adapted after"
        ],
        [
            for point in points do
                for policy in policies points do
                    let measure = find point policy phase

                    if (measure "reward").IsSome then
                        [
                            yield! point.Settings |> List.map snd
                            policy
                            interval (measure "reward")
                            interval (measure "reward_at_end")
                            interval (measure "slo_violations")
                            match measure "adapted_seeds" with
                            | Some m -> string m.Mean
                            | None -> "–"
                            match measure "adaptation_cycles" with
                            | Some m when Double.IsFinite m.Mean -> $"{m.Mean} cycles"
                            | _ -> "–"
                        ]
        ]

    let private line (points: SweptPoint list) measure index policy : Trace =
        let phase = phase points

        let found =
            points
            |> List.choose (fun point -> find point policy phase measure |> Option.map (fun m -> label point, m))

        let half (m: SweepMeasure) =
            if Double.IsFinite m.HalfWidth then m.HalfWidth else 0.0

        let colour = Palette.ofSeries index

        Scatter(
            x = List.map fst found,
            y = (found |> List.map (fun (_, m) -> m.Mean)),
            mode = "lines+markers",
            name = policy,
            line = Line(color = colour, width = 1.5),
            marker = Marker(color = colour, size = 9.0, symbol = Drawing.symbol index),
            error_y =
                Error_y(``type`` = "data", array = (found |> List.map (snd >> half)), color = colour, thickness = 1.5)
        )

    let private figure (points: SweptPoint list) heading caption axis measure =
        let fields =
            points
            |> List.collect (_.Settings >> List.map fst)
            |> List.distinct
            |> String.concat ", "

        let layout =
            Drawing.layout (Xaxis(title = fields, ``type`` = "category")) (Yaxis(title = axis))

        {
            Heading = heading
            Caption = caption
            Chart = Chart.Plot(policies points |> List.mapi (line points measure), layout)
        }

    /// The best of the policies that adapt: those that are neither the unchanged base policy nor told of the change.
    let answer (points: SweptPoint list) =
        let phase = phase points

        let adaptive =
            policies points
            |> List.filter (fun policy -> policy.Contains "rollout" || policy.Contains "multiagent")

        let ranked =
            [
                for point in points do
                    for policy in adaptive do
                        match find point policy phase "reward" with
                        | Some m when Double.IsFinite m.Mean -> point, policy, m
                        | _ -> ()
            ]
            |> List.sortByDescending (fun (_, _, m) -> m.Mean)

        match ranked with
        | [] -> "No policy of the sweep adapts."
        | (point, policy, m) :: _ ->
            let settings =
                point.Settings
                |> List.map (fun (field, value) -> $"{field} = {value}")
                |> String.concat ", "

            $"The highest reward per cycle{inPhase points} of a policy that adapts is {number m.Mean} ± {number m.HalfWidth}: {policy} with {settings}."

    let html (scenario: Scenario) (points: SweptPoint list) command =
        Page.html
            $"{scenario.Title}: sweep"
            scenario.Experiment.Question
            (answer points)
            [
                Page.figure (
                    figure
                        points
                        "Reward"
                        $"Reward per cycle{inPhase points}, the cycles of adapting included: means over {scenario.Experiment.Seeds} seeds with 95 %% confidence intervals."
                        "reward per cycle"
                        "reward"
                )
                Page.figure (
                    figure
                        points
                        "Objectives missed"
                        "Share of the cycles in which a service missed its objective."
                        "share of cycles"
                        "slo_violations"
                )
                table points ||> Page.table
                Page.settings [ "scenario", scenario.Name; "seeds", string scenario.Experiment.Seeds ] command
            ]

    /// Long format: a row per point, policy, phase and measure; the settings' fields are the first columns.
    let csv (points: SweptPoint list) (text: TextWriter) =
        use table = new DataTable()
        let fields = points |> List.collect (_.Settings >> List.map fst) |> List.distinct

        for field in fields do
            table.Columns.Add(field, typeof<string>) |> ignore

        for name, kind in
            [
                "policy", typeof<string>
                "phase", typeof<string>
                "measure", typeof<string>
                "mean", typeof<float>
                "half_width", typeof<float>
            ] do
            table.Columns.Add(name, kind) |> ignore

        let optional (value: float) : objnull =
            if Double.IsFinite value then box value else DBNull.Value

        for point in points do
            for m in point.Measures do
                let cells: objnull[] =
                    [|
                        for _, value in point.Settings do
                            value
                        m.Policy
                        m.Phase
                        m.Measure
                        optional m.Mean
                        optional m.HalfWidth
                    |]

                table.Rows.Add cells |> ignore

        use writer = CsvDataWriter.Create(text, CsvDataWriterOptions(NewLine = "\n"))
        use reader = table.CreateDataReader()
        writer.Write reader |> ignore
