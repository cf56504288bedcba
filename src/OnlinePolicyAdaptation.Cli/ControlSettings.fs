namespace OnlinePolicyAdaptation.Cli

open System
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Service

/// What decisions depend on besides the intervals; kept in the journal for its readers.
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
        /// "trace", "lines", "prometheus", "simulation" or "testbed".
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
            match EstimationSyntax.forgetting settings.Forgetting, EstimationSyntax.riskAttitude settings.Outlook with
            | Ok forgetting, Ok attitude ->
                Ok
                    { scenario with
                        Controller.Estimation =
                            { scenario.Controller.Estimation with
                                Forgetting = forgetting
                                RiskAttitude = attitude
                                RefitEvery = settings.RefitEvery
                            }
                    }
            | Error message, _
            | _, Error message -> Error message)

    let private bytesOf path =
        if File.Exists path then
            GivenFile.ReadBytes(path, "a file of the scenario", Array.MaxLength)
        else
            [||]

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

    let private hash (path: string) =
        Convert.ToHexString(SHA256.HashData(bytesOf path))

    /// The settings, with what tells later which of the files has changed, and where.
    let private describe (settings: ControlSettings) scenario =
        match JsonSerializer.SerializeToNode settings with
        | null -> ""
        | node ->
            let hashes = JsonObject()

            for file in files settings scenario do
                hashes[string (Path.GetFileName file)] <- JsonValue.Create(hash file)

            node["Files"] <- hashes
            node["ScenarioText"] <- JsonValue.Create(Encoding.UTF8.GetString(bytesOf settings.Scenario))
            node.ToJsonString()

    let private differentSettings settings description =
        match parse description with
        | None -> [ "which it does not tell" ]
        | Some other ->
            (listed settings, listed other)
            ||> List.map2 (fun (name, mine) (_, theirs) ->
                if mine = theirs then
                    None
                else
                    Some $"{name} {theirs} instead of {mine}")
            |> List.choose id

    let private differentFiles (settings: ControlSettings) scenario (description: string) =
        try
            match JsonNode.Parse description with
            | :? JsonObject as node ->
                match node["Files"], node["ScenarioText"] with
                | (:? JsonObject as hashes), (:? JsonValue as text) ->
                    [
                        for file in files settings scenario do
                            let name = string (Path.GetFileName file)

                            let isSame =
                                match hashes[name] with
                                | null -> false
                                | kept -> kept.GetValue<string>() = hash file

                            if not isSame && file = settings.Scenario then
                                JsonDifference.words
                                    name
                                    (text.GetValue<string>())
                                    (GivenFile.ReadText(file, "a scenario"))
                            elif not isSame then
                                $"{name} has changed"
                    ]
                | _ -> []
            | _ -> []
        with
        | :? JsonException
        | :? InvalidOperationException -> []

    /// What is different in the settings of a description.
    let private differences settings scenario description =
        match
            differentSettings settings description
            @ differentFiles settings scenario description
        with
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
            Description = describe settings scenario
            Fingerprint = Convert.ToHexString(hash.GetHashAndReset())
            Differences = differences settings scenario
        }

    /// What is different in a scenario from that of a journal's controller; none: it is the same.
    let edited (journal: Journal) (settings: ControlSettings) scenario =
        let identity = identity settings scenario

        match journal.Meta "fingerprint" with
        | Some fingerprint when fingerprint <> identity.Fingerprint ->
            journal.Meta "description"
            |> Option.defaultValue ""
            |> identity.Differences
            |> Some
        | _ -> None

    /// Files that a controller reads.
    let inputs (settings: ControlSettings) (scenario: Scenario) =
        [
            yield! files { settings with KnowsTrace = true } scenario
            for change in scenario.Experiment.Changes do
                yield! Option.toList change.Trace
        ]

    /// Everything of the same controller, whenever it starts.
    let key = RandomKey 1UL

    /// The stages of the controller.
    let controller (settings: ControlSettings) scenario mode =
        let mode = if settings.BasePolicyOnly then Mode.Base else mode

        ScenarioController.create
            scenario
            mode
            (Planner.Rollout settings.Lookahead)
            (clock settings)
            settings.KnowsTrace
            key

    /// The settings of a journal's controller.
    let ofJournal path (journal: Journal) =
        match journal.Meta "description" |> Option.bind parse with
        | Some settings -> Ok settings
        | None -> Error $"{path}: it does not say whose journal it is"
