namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Planning

/// Bounds above which a measurement is not believed.
type PlausibleBounds =
    {
        /// Of a mean response time.
        ResponseTimeSeconds: float
        /// Of a load.
        RequestsPerSecond: float
    }

/// How a system is controlled.
type ControllerPart =
    {
        /// Lookahead horizon of rollout.
        Lookahead: int
        Leaves: LeafValues
        BasePolicy: BasePolicySpecification
        Estimation: EstimationSettings
        /// A recording of the system as it is now.
        History: RecordedTrace option
        Exploration: Exploration
        /// As far as it is known without the recording: everything may be explored.
        Guard: GuardSettings
        /// No settling is fixed: response times belong to the configuration that the estimated lag says.
        FollowsLag: bool
        Plausible: PlausibleBounds
        /// A jump in time of more intervals is doubted.
        MaximumGapIntervals: int
    }

[<RequireQualifiedAccess>]
module internal ControllerPart =

    /// Metrics may be so many intervals old, where nothing else is said.
    let private patience = 3.0

    let private syntax path parse (text: string) : Check.Checked<'value> =
        parse text
        |> Result.mapError (fun message -> [ ScenarioFault.because path message ])

    let estimation (section: EstimationSection) : Check.Checked<EstimationSettings> =
        let path = "controller.estimation"
        let regrown = section.RegrownTrees |> Option.defaultValue ((section.Trees + 1) / 2)

        validation {
            let! _ =
                Check.require
                    $"{path}.regrownTrees"
                    $"{regrown}"
                    $"at most {section.Trees}, the number of trees"
                    (regrown <= section.Trees)

            and! forest =
                Check.at path (fun () -> ForestOptions(Trees = section.Trees, MinSamplesLeaf = section.MinSamplesLeaf))

            and! forgetting =
                syntax $"{path}.forgetting" EstimationSyntax.forgetting section.Forgetting

            and! attitude =
                syntax $"{path}.outlook" EstimationSyntax.riskAttitude section.Outlook

            return
                {
                    Forest = forest
                    RegrownTrees = regrown
                    RefitEvery = section.RefitEvery
                    Forgetting = forgetting
                    RiskAttitude = attitude
                    LoadStep = section.LoadStep
                    MinimumSamples = section.MinimumSamples
                }
        }

    let private leaves (word: string) : Check.Checked<LeafValues> =
        match
            [ LeafValues.Base; LeafValues.BetterOf ]
            |> List.tryFind (fun leaves -> leaves.Name = word)
        with
        | Some leaves -> Ok leaves
        | None -> Check.fail (ScenarioFault.at "controller.leaves" word "base or better-of")

    let private exploration (section: ExplorationSection) : Check.Checked<Exploration> =
        match
            [ Exploration.Recorded; Exploration.All ]
            |> List.tryFind (fun exploration -> exploration.Name = section.Levels)
        with
        | Some exploration -> Ok exploration
        | None -> Check.fail (ScenarioFault.at "controller.exploration.levels" section.Levels "recorded or all")

    let private bounds (grid: ControlGrid) (given: Map<string, BoundsSection>) : Check.Checked<struct (int * int)[]> =
        let level (control: Control) path value =
            let level = control.Level value

            if level.HasValue then
                Ok level.Value
            else
                Check.fail (ScenarioFault.at path $"{value}" $"a value of the grid {control}")

        [
            for control in grid.Controls ->
                match given.TryFind control.Name with
                | None -> Ok(struct (0, control.Levels - 1))
                | Some bounds ->
                    let path = $"controller.guard.bounds.{control.Name}"

                    validation {
                        let! lowest = level control $"{path}.lowest" bounds.Lowest
                        and! highest = level control $"{path}.highest" bounds.Highest

                        and! _ =
                            Check.require
                                $"{path}.highest"
                                $"{bounds.Highest}"
                                "at least the lowest"
                                (bounds.Highest >= bounds.Lowest)

                        return struct (lowest, highest)
                    }
        ]
        |> Check.all
        |> Result.map Array.ofList

    let private outage (interval: float) (section: ControllerSection) : Check.Checked<OutageSettings> =
        match
            [ OutageAction.Most; OutageAction.Hold; OutageAction.Base ]
            |> List.tryFind (fun action -> action.Name = section.Outage)
        with
        | Some action ->
            Ok
                {
                    Action = action
                    After = Check.seconds (section.OutageSeconds |> Option.defaultValue (patience * interval))
                }
        | None -> Check.fail (ScenarioFault.at "controller.outage" section.Outage "most, hold or base")

    let private guard grid (interval: float) outage (exploration: ExplorationSection) (section: GuardSection) =
        let path = "controller.guard"

        validation {
            let! bounds = bounds grid section.Bounds

            and! _ =
                match section.MaximumChanges, section.StabilisationSeconds with
                | Some changes, None ->
                    Check.fail (
                        ScenarioFault.at
                            $"{path}.stabilisationSeconds"
                            "missing"
                            $"the seconds within which a control may move {changes} times (maximumChanges)"
                    )
                | None, Some seconds ->
                    Check.fail (
                        ScenarioFault.at
                            $"{path}.maximumChanges"
                            "missing"
                            $"how often a control may move within {seconds} s (stabilisationSeconds)"
                    )
                | _ -> Ok()

            return
                {
                    Bounds = bounds
                    Explored = Exploration.levels grid Exploration.All []
                    Probes =
                        {
                            Share = exploration.Share
                            MaximumMiss = exploration.MaximumMiss
                        }
                    MaximumChanges = section.MaximumChanges |> Option.defaultValue Int32.MaxValue
                    StabilisationWindow = Check.seconds (section.StabilisationSeconds |> Option.defaultValue 0.0)
                    ReversalCycles = section.ReversalIntervals
                    SettlingTime = Check.seconds (section.SettlingSeconds |> Option.defaultValue 0.0)
                    MaximumAge = Check.seconds (section.MaximumAgeSeconds |> Option.defaultValue (patience * interval))
                    MaximumError = section.MaximumError |> Option.defaultValue infinity
                    MinimumSamples = section.MinimumSamples
                    Outage = outage
                }
        }

    /// What every system may show, and how far beyond its bounds and loads a system may go.
    let private leastResponseTime, private leastLoad, private margin =
        3600.0, 1e6, 1000.0

    let private plausible longestBound highestLoad (section: PlausibleSection) =
        {
            ResponseTimeSeconds =
                section.ResponseTimeSeconds
                |> Option.defaultValue (max leastResponseTime (margin * longestBound))
            RequestsPerSecond =
                section.RequestsPerSecond
                |> Option.defaultValue (max leastLoad (margin * highestLoad))
        }

    /// `longestBound` is the largest bound of a response time; `history` what the scenario says elsewhere of the system as it is.
    let build
        directory
        (system: SystemPart)
        longestBound
        interval
        highestLoad
        (history: RecordedTrace option)
        (section: ControllerSection)
        : Check.Checked<ControllerPart> =
        let services = system.Topology.Services.Count

        validation {
            let! basePolicy =
                BasePolicySpecification.ofSection "controller.basePolicy" directory services section.BasePolicy

            and! leaves = leaves section.Leaves
            and! estimation = estimation section.Estimation
            and! exploration = exploration section.Exploration

            and! guard =
                validation {
                    let! outage = outage interval section
                    return! guard system.Grid interval outage section.Exploration section.Guard
                }

            and! own =
                section.History
                |> Option.map (fun own ->
                    RecordedTrace.build directory "controller.history" system.Grid services own.Trace own.Columns
                    |> Result.map Some)
                |> Option.defaultValue (Ok None)

            return
                {
                    Lookahead = section.Lookahead
                    Leaves = leaves
                    BasePolicy = basePolicy
                    Estimation = estimation
                    History = own |> Option.orElse history
                    Exploration = exploration
                    Guard = guard
                    FollowsLag = section.Guard.SettlingSeconds.IsNone
                    Plausible = plausible longestBound highestLoad section.Plausible
                    MaximumGapIntervals = section.MaximumGapIntervals
                }
        }
