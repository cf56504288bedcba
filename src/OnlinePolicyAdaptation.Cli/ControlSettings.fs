namespace OnlinePolicyAdaptation.Cli

open System
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Service

/// What decisions depend on besides the intervals; kept in the journal, so that its reader need not be told.
type ControlSettings =
    {
        /// Full path of scenario.json.
        Scenario: string
        Lookahead: int
        BasePolicyOnly: bool
        RefitEvery: int
        Forgetting: string
        Outlook: string
        /// "lockstep" or "realtime".
        Clock: string
        /// Whether the controller starts with a model of the scenario's trace.
        KnowsTrace: bool
        /// "trace", "lines", "prometheus" or "simulation".
        Source: string
    }

[<RequireQualifiedAccess>]
module ControlSettings =

    let clock settings =
        if settings.Clock = "realtime" then
            Clock.RealTime
        else
            Clock.Lockstep

    /// The scenario as it is estimated and planned with.
    let scenario (settings: ControlSettings) =
        Scenario.load settings.Scenario
        |> Result.bind (fun scenario ->
            match EstimationSyntax.forgetting settings.Forgetting, EstimationSyntax.outlook settings.Outlook with
            | Ok forgetting, Ok outlook ->
                Ok
                    { scenario with
                        Estimation =
                            { scenario.Estimation with
                                Forgetting = forgetting
                                Outlook = outlook
                                RefitEvery = settings.RefitEvery
                            }
                    }
            | Error message, _
            | _, Error message -> Error message)

    let private bytesOf path =
        if File.Exists path then File.ReadAllBytes path else [||]

    /// Files that decisions depend on.
    let private files (settings: ControlSettings) (scenario: Scenario) =
        [
            settings.Scenario
            match scenario.BasePolicy with
            | GivenPolicy.Tabular path
            | GivenPolicy.Rules path
            | GivenPolicy.Network(path, _) -> path
            | _ -> ()
            if settings.KnowsTrace then
                yield! Option.toList scenario.TraceBefore
        ]

    /// Whose journal a controller with these settings writes.
    let identity (settings: ControlSettings) scenario : JournalIdentity =
        let description = JsonSerializer.Serialize settings
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
        // The folder may be another one the next time.
        hash.AppendData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize { settings with Scenario = "" }))

        for file in files settings scenario do
            hash.AppendData(SHA256.HashData(bytesOf file))

        {
            Description = description
            Fingerprint = Convert.ToHexString(hash.GetHashAndReset())
        }

    /// Everything of the same controller, whenever it starts.
    let key = RandomKey 1UL

    /// The controller, and the state it starts in.
    let controller (settings: ControlSettings) scenario mode =
        let mode = if settings.BasePolicyOnly then Mode.Base else mode
        ScenarioController.create scenario mode (Planner.Rollout settings.Lookahead) settings.KnowsTrace key

    /// The settings of a journal's controller.
    let ofJournal path (journal: Journal) =
        let unknown = $"{path}: it does not say whose journal it is"

        match journal.Meta "description" with
        | None -> Error unknown
        | Some description ->
            try
                match JsonSerializer.Deserialize<ControlSettings> description with
                | null -> Error unknown
                | settings -> Ok settings
            with :? JsonException as e ->
                Error $"{unknown}: {e.Message}"
