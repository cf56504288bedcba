namespace OnlinePolicyAdaptation.Cli

open System
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
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
                        Controller.Estimation =
                            { scenario.Controller.Estimation with
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
            match scenario.Controller.BasePolicy with
            | BasePolicySpecification.Tabular path
            | BasePolicySpecification.Rules path
            | BasePolicySpecification.Network(path, _) -> path
            | _ -> ()
            if settings.KnowsTrace then
                yield! scenario.Controller.History |> Option.map _.Path |> Option.toList
        ]

    let private parse (description: string) =
        try
            JsonSerializer.Deserialize<ControlSettings> description |> Option.ofObj
        with :? JsonException ->
            None

    let private listed (settings: ControlSettings) =
        [
            "lookahead", string settings.Lookahead
            "base policy alone", string settings.BasePolicyOnly
            "refit every", string settings.RefitEvery
            "forgetting", settings.Forgetting
            "outlook", settings.Outlook
            "clock", settings.Clock
            "trace known", string settings.KnowsTrace
            "source", settings.Source
        ]

    /// What is different in the settings of a description.
    let private differences settings description =
        match parse description with
        | None -> "which it does not tell"
        | Some other ->
            (listed settings, listed other)
            ||> List.map2 (fun (name, mine) (_, theirs) ->
                if mine = theirs then
                    None
                else
                    Some $"{name} {theirs} instead of {mine}")
            |> List.choose id
            |> function
                | [] -> "scenario.json, its trace or its base policy has changed"
                | different -> String.concat ", " different

    /// Whose journal a controller with these settings writes.
    let identity (settings: ControlSettings) scenario : JournalIdentity =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
        // The folder may be another one the next time.
        hash.AppendData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize { settings with Scenario = "" }))

        for file in files settings scenario do
            hash.AppendData(SHA256.HashData(bytesOf file))

        {
            Description = JsonSerializer.Serialize settings
            Fingerprint = Convert.ToHexString(hash.GetHashAndReset())
            Differences = differences settings
        }

    /// Everything of the same controller, whenever it starts.
    let key = RandomKey 1UL

    /// The controller, and the state it starts in.
    let controller (settings: ControlSettings) scenario mode =
        let mode = if settings.BasePolicyOnly then Mode.Base else mode
        ScenarioController.create scenario mode (Planner.Rollout settings.Lookahead) settings.KnowsTrace key

    /// The settings of a journal's controller.
    let ofJournal path (journal: Journal) =
        match journal.Meta "description" |> Option.bind parse with
        | Some settings -> Ok settings
        | None -> Error $"{path}: it does not say whose journal it is"
