namespace OnlinePolicyAdaptation.Cli

open FsToolkit.ErrorHandling
open System
open System.Globalization
open System.IO
open Argu
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Service

/// Where intervals come from.
[<RequireQualifiedAccess>]
type MetricsOrigin =
    | Trace of csv: string
    | Lines
    | Posts
    | Prometheus of PrometheusSettings
    | Simulation
    /// A real system on this machine, started for the purpose.
    | Testbed of TestbedPart

    /// The word in a journal.
    member this.Word =
        match this with
        | Trace _ -> "trace"
        | Lines -> "lines"
        | Posts -> "posts"
        | Prometheus _ -> "prometheus"
        | Simulation -> "simulation"
        | Testbed _ -> "testbed"

/// Where bad elements are kept.
[<RequireQualifiedAccess>]
type QuarantinePlace =
    | Given of path: string
    /// Nobody has named a file.
    | Usual of path: string

    member this.Path =
        match this with
        | Given path
        | Usual path -> path

/// What is written to standard output.
[<RequireQualifiedAccess>]
type DecisionOutput =
    | Decisions
    /// A line for each line that was read.
    | Answers
    | Nothing

/// What the options of `opar control` ask for, checked.
type ControlRequest =
    {
        Origin: MetricsOrigin
        Settings: ControlSettings
        Scenario: Scenario
        Mode: Mode
        Pace: Pace
        Deadline: TimeSpan
        /// Of a simulation; -1: without end.
        Cycles: int64
        Retention: int
        Journal: string option
        Quarantine: QuarantinePlace
        Listen: ListenAddress option
        TokenFiles: string list
        Webhook: WebhookSettings option
        Output: DecisionOutput
    }

[<RequireQualifiedAccess>]
module ControlRequest =

    let private origin (arguments: ParseResults<ControlArguments>) (scenario: Scenario) =
        let sources = "--stdin, --post, --prometheus, --trace, --simulate, --testbed"

        let given =
            [
                match arguments.TryGetResult ControlArguments.Trace with
                | Some csv when File.Exists csv -> Ok(MetricsOrigin.Trace csv)
                | Some csv -> Error $"--trace: {csv}: no such file"
                | None -> ()
                if arguments.Contains ControlArguments.Stdin then
                    Ok MetricsOrigin.Lines
                if arguments.Contains ControlArguments.Post then
                    Ok MetricsOrigin.Posts
                if arguments.Contains ControlArguments.Simulate then
                    match scenario.Simulation with
                    | Some _ -> Ok MetricsOrigin.Simulation
                    | None ->
                        Error $"--simulate: scenario {scenario.Name} has no field simulation, which describes the mesh"
                if arguments.Contains ControlArguments.Testbed then
                    TestbedSystem.part scenario |> Result.map MetricsOrigin.Testbed
                if arguments.Contains ControlArguments.Prometheus then
                    match scenario.Live.Prometheus with
                    | Some settings -> Ok(MetricsOrigin.Prometheus settings)
                    | None ->
                        Error
                            $"--prometheus: scenario {scenario.Name} has no field live.prometheus, which says what the server is asked"
            ]

        match given with
        | [ origin ] -> origin
        | [] -> Error $"no source of metrics; expected one of {sources}"
        | _ -> Error $"several sources of metrics; expected one of {sources}"

    let private mode =
        CommandLine.oneOf "--mode" [ "act", Mode.Act; "shadow", Mode.Shadow; "base", Mode.Base ]

    let private clock =
        CommandLine.oneOf "--clock" [ "lockstep", "lockstep"; "realtime", "realtime" ]

    let private pace clock (text: string option) =
        match text with
        | None when clock = "realtime" -> Ok(Pace.Times 1.0)
        | None
        | Some "max" -> Ok Pace.Unlimited
        | Some text ->
            match Double.TryParse(text.TrimEnd 'x', NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, speed when speed > 0.0 && Double.IsFinite speed -> Ok(Pace.Times speed)
            | _ -> Error $"--speed: '{text}'; expected max, 1x, 20x or another number above 0"

    let private atLeastOne option value =
        if value >= 1 then
            Ok value
        else
            Error $"{option}: {value}; expected at least 1"

    let private listen (arguments: ParseResults<ControlArguments>) origin =
        match
            arguments.TryGetResult ControlArguments.Listen, arguments.TryGetResult ControlArguments.Token_File, origin
        with
        | None, _, MetricsOrigin.Posts -> Error "--post: expected --listen too, with the address to post to"
        | None, Some _, _ -> Error "--token-file: expected --listen too"
        | None, None, _ -> Ok None
        | Some address, tokenFile, _ ->
            ListenAddress.create address tokenFile
            |> Result.map Some
            |> Result.mapError (fun message -> $"--listen: {message}")

    /// An action is worth sending until the next interval is over.
    let private webhook (arguments: ParseResults<ControlArguments>) (scenario: Scenario) =
        let interval = scenario.Live.Interval

        match arguments.TryGetResult ControlArguments.Webhook with
        | None -> Ok None
        | Some text ->
            match Uri.TryCreate(text, UriKind.Absolute) with
            | true, NonNull url when url.Scheme = Uri.UriSchemeHttp || url.Scheme = Uri.UriSchemeHttps ->
                let defaults = Webhook.defaults url

                Ok(
                    Some
                        { defaults with
                            BearerTokenFile = arguments.TryGetResult ControlArguments.Webhook_Token_File
                            Budget = interval
                            AttemptTimeout = min defaults.AttemptTimeout interval
                        }
                )
            | _ ->
                Error $"--webhook: '{Redacted.Address text}'; expected a URL such as https://controller.example/actions"

    /// Files that are read again for each request, tried now.
    let private tokens (arguments: ParseResults<ControlArguments>) (origin: MetricsOrigin) =
        let webhook =
            match arguments.TryGetResult ControlArguments.Webhook_Token_File with
            | Some _ when not (arguments.Contains ControlArguments.Webhook) ->
                Error "--webhook-token-file: expected --webhook too"
            | given -> Ok(given |> Option.map (fun path -> "--webhook-token-file", path))

        let asked =
            match origin with
            | MetricsOrigin.Prometheus settings ->
                settings.BearerTokenFile
                |> Option.map (fun path -> "live.prometheus.bearerTokenFile", path)
            | _ -> None

        webhook
        |> Result.bind (fun webhook ->
            Option.toList webhook @ Option.toList asked
            |> List.map (fun (place, path) ->
                TokenFile.read path
                |> Result.map (fun _ -> path)
                |> Result.mapError (fun message -> $"{place}: {message}"))
            |> List.sequenceResultM)

    let private defaultClock =
        function
        | MetricsOrigin.Posts
        | MetricsOrigin.Prometheus _ -> "realtime"
        | MetricsOrigin.Trace _
        | MetricsOrigin.Lines
        | MetricsOrigin.Simulation
        | MetricsOrigin.Testbed _ -> "lockstep"

    /// A name as a file can have it.
    let private plain (name: string) =
        let kept =
            String.map
                (fun c ->
                    if Char.IsAsciiLetterOrDigit c || c = '-' || c = '_' then
                        c
                    else
                        '-')
                name

        kept.Substring(0, min kept.Length 60)

    /// Usually beside the journal, which is in a folder that can be written.
    let private quarantine (arguments: ParseResults<ControlArguments>) (scenario: Scenario) =
        match arguments.TryGetResult ControlArguments.Quarantine, arguments.TryGetResult ControlArguments.Journal with
        | Some path, _ -> QuarantinePlace.Given path
        | None, Some journal -> QuarantinePlace.Usual $"{FileIdentity.realPath journal}.quarantine.ndjson"
        | None, None -> QuarantinePlace.Usual $"{plain scenario.Name}.quarantine.ndjson"

    let private output (arguments: ParseResults<ControlArguments>) origin =
        match arguments.Contains ControlArguments.Reply, arguments.Contains ControlArguments.Quiet, origin with
        | false, false, _ -> Ok DecisionOutput.Decisions
        | false, true, _ -> Ok DecisionOutput.Nothing
        | true, false, MetricsOrigin.Lines -> Ok DecisionOutput.Answers
        | true, true, _ -> Error "--reply: expected no --quiet with it"
        | true, false, _ -> Error "--reply: expected --stdin too, whose lines are answered"

    let private settings (arguments: ParseResults<ControlArguments>) path origin mode clock (scenario: Scenario) =
        result {
            let! lookahead =
                atLeastOne
                    "--lookahead"
                    (arguments.GetResult(ControlArguments.Lookahead, scenario.Controller.Lookahead))

            let! refitEvery =
                atLeastOne
                    "--refit-every"
                    (arguments.GetResult(ControlArguments.Refit_Every, scenario.Controller.Estimation.RefitEvery))

            return
                {
                    Scenario = Path.GetFullPath path
                    Lookahead = lookahead
                    BasePolicyOnly = (mode = Mode.Base)
                    RefitEvery = refitEvery
                    Forgetting =
                        arguments.TryGetResult ControlArguments.Forgetting
                        |> Option.defaultValue (
                            EstimationSyntax.forgettingName scenario.Controller.Estimation.Forgetting
                        )
                    Outlook =
                        arguments.TryGetResult ControlArguments.Outlook
                        |> Option.defaultValue (
                            EstimationSyntax.riskAttitudeText scenario.Controller.Estimation.RiskAttitude
                        )
                    Clock = clock
                    KnowsTrace = not (arguments.Contains ControlArguments.Without_Trace)
                    Source = (origin: MetricsOrigin).Word
                }
        }

    let ofArguments (arguments: ParseResults<ControlArguments>) =
        result {
            let path = Scenario.file (arguments.GetResult ControlArguments.Scenario)
            let! scenario = Scenario.load path
            let! origin = origin arguments scenario
            let! mode = mode (arguments.GetResult(ControlArguments.Mode, "act"))
            let! clock = clock (arguments.GetResult(ControlArguments.Clock, defaultClock origin))
            let! pace = pace clock (arguments.TryGetResult ControlArguments.Speed)

            let! deadline =
                atLeastOne "--deadline" (arguments.GetResult(ControlArguments.Deadline, 250))

            let! retention =
                atLeastOne "--retention" (arguments.GetResult(ControlArguments.Retention, 200_000))

            let! cycles =
                atLeastOne "--cycles" (arguments.GetResult(ControlArguments.Cycles, Int32.MaxValue))

            let! listen = listen arguments origin
            let! output = output arguments origin
            let! webhook = webhook arguments scenario
            let! tokenFiles = tokens arguments origin
            let! settings = settings arguments path origin mode clock scenario
            let! scenario = ControlSettings.scenario settings

            return
                {
                    Origin = origin
                    Settings = settings
                    Scenario = scenario
                    Mode = mode
                    Pace = pace
                    Deadline = TimeSpan.FromMilliseconds(float deadline)
                    Cycles =
                        if arguments.Contains ControlArguments.Cycles then
                            int64 cycles
                        else
                            -1L
                    Retention = retention
                    Journal = arguments.TryGetResult ControlArguments.Journal
                    Quarantine = quarantine arguments scenario
                    Listen = listen
                    TokenFiles =
                        [
                            yield! Option.toList (arguments.TryGetResult ControlArguments.Token_File)
                            yield! tokenFiles
                        ]
                    Webhook = webhook
                    Output = output
                }
        }
