namespace OnlinePolicyAdaptation.Experiments

open System
open System.IO
open System.Security.Cryptography
open System.Text
open System.Text.Json.Nodes
open System.Threading
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Scenarios

/// One experiment of a suite: a scenario with some of its fields replaced.
type SuitePattern =
    {
        /// Of its folder.
        Name: string
        /// What happens, in a few words.
        Title: string
        /// Fields of the scenario's file by their paths, as JSON.
        Fields: (string * string) list
    }

/// What a pattern came to.
type SuiteOutcome =
    {
        Pattern: SuitePattern
        Outcome: ExperimentOutcome
    }

/// Several experiments with one scenario, each in a folder of its own. What was done before is not done again.
[<RequireQualifiedAccess>]
module Suite =

    let private fingerprintFile directory =
        Path.Combine(directory, "fingerprint.txt")

    /// Of everything that a pattern's outcome depends on: the scenario's file, the fields, the software, and what the caller has
    /// changed besides.
    let private fingerprint path (pattern: SuitePattern) (changed: string) =
        let text =
            [
                GivenFile.ReadText(Scenario.file path, "a scenario")
                for field, value in pattern.Fields do
                    $"{field}={value}"
                changed
                Software.version
            ]
            |> String.concat "\n"

        SHA256.HashData(Encoding.UTF8.GetBytes text) |> Convert.ToHexString

    /// The outcome in a folder, where it has this fingerprint.
    let private before directory fingerprint =
        let file = fingerprintFile directory

        if File.Exists file && File.ReadAllText(file).Trim() = fingerprint then
            match OutcomeJson.read (Path.Combine(directory, "results.json")) with
            | Ok outcome -> Some outcome
            | Error _ -> None
        else
            None

    let private parsed (field: string, value: string) =
        match JsonNode.Parse value with
        | null -> failwith $"{field}: null"
        | value -> field, value

    let private runNew (scenario: Scenario) command threads (cancellation: CancellationToken) =
        Traces.read scenario
        |> Result.map (fun traces ->
            (Experiment.run scenario traces Map.empty threads ignore cancellation).GetAwaiter().GetResult()
            |> ExperimentResults.ofExperiment command None)

    /// The outcome of a pattern in its folder below `directory`: run now, or before with the same settings. `edit` changes the
    /// scenario in what `changed` says. The fingerprint is written last, so an interrupted run counts as none.
    let run path directory (edit: Scenario -> Scenario) changed command threads cancellation (pattern: SuitePattern) =
        let folder = Path.Combine(directory, pattern.Name)
        let fingerprint = fingerprint path pattern changed

        match before folder fingerprint with
        | Some outcome -> Ok { Pattern = pattern; Outcome = outcome }
        | None ->
            Scenario.loadWith path (pattern.Fields |> List.map parsed)
            |> Result.bind (fun scenario ->
                runNew
                    { edit scenario with
                        Title = pattern.Title
                    }
                    command
                    threads
                    cancellation)
            |> Result.map (fun results ->
                ResultFile.write folder results (Report.html results)
                AtomicFile.Write(fingerprintFile folder, (fun text -> text.Write fingerprint))

                {
                    Pattern = pattern
                    Outcome = results.Outcome
                })
