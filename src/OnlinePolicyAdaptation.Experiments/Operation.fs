namespace OnlinePolicyAdaptation.Experiments

open System
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle

/// How a live system is controlled.
type Operation =
    {
        /// Length of a monitoring interval.
        Interval: TimeSpan
        Guard: GuardSettings
    }

[<RequireQualifiedAccess>]
module internal Operation =

    /// Metrics may be so many intervals old, where nothing else is said.
    let private patience = 3.0

    let private seconds place value =
        Validation.require place value "0 or more seconds" (value >= 0.0 && value <= 1e9)
        TimeSpan.FromSeconds(value: float)

    let private bounds (grid: ControlGrid) (file: Map<string, ScenarioFile.Bounds>) =
        for name in file.Keys do
            Validation.require
                "controller.bounds"
                name
                (grid.Controls |> Seq.map _.Name |> String.concat ", ")
                (grid.Controls |> Seq.exists (fun control -> control.Name = name))

        [|
            for control in grid.Controls do
                match file.TryFind control.Name with
                | None -> struct (0, control.Levels - 1)
                | Some given ->
                    let place = $"controller.bounds.{control.Name}"

                    let level (field: string) value =
                        let level = control.Level value

                        Validation.require $"{place}.{field}" value $"a value of the grid {control}" level.HasValue

                        level.Value

                    let lowest = level "lowest" given.Lowest
                    let highest = level "highest" given.Highest
                    Validation.require $"{place}.highest" given.Highest "at least the lowest" (highest >= lowest)
                    struct (lowest, highest)
        |]

    let check (grid: ControlGrid) (file: ScenarioFile.Controller option) =
        let pick field fallback =
            file |> Option.bind field |> Option.defaultValue fallback

        let interval = pick _.IntervalSeconds 5.0
        Validation.require "controller.intervalSeconds" interval "a number above 0" (interval > 0.0 && interval <= 1e6)
        let changes = pick _.MaximumChanges Int32.MaxValue
        Validation.require "controller.maximumChanges" changes "at least 1" (changes >= 1)
        let error = pick _.MaximumError infinity
        Validation.require "controller.maximumError" error "a number above 0" (error > 0.0)
        let samples = pick _.MinimumSamples 0
        Validation.require "controller.minimumSamples" samples "0 or more" (samples >= 0)

        {
            Interval = TimeSpan.FromSeconds interval
            Guard =
                {
                    Bounds = bounds grid (pick _.Bounds Map.empty)
                    MaximumChanges = changes
                    StabilisationWindow = seconds "controller.stabilisationSeconds" (pick _.StabilisationSeconds 0.0)
                    SettlingTime = seconds "controller.settlingSeconds" (pick _.SettlingSeconds 0.0)
                    MaximumAge = seconds "controller.maximumAgeSeconds" (pick _.MaximumAgeSeconds (patience * interval))
                    MaximumError = error
                    MinimumSamples = samples
                }
        }
