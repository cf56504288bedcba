namespace OnlinePolicyAdaptation.Cli

open Argu

type ControlArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | Stdin
    | Trace of CSV: string
    | Post
    | Prometheus
    | Simulate
    | Testbed
    | Speed of FACTOR: string
    | Cycles of N: int
    | Mode of MODE: string
    | Clock of CLOCK: string
    | Deadline of MS: int
    | Lookahead of L: int
    | [<CustomCommandLine "--refit-every">] Refit_Every of N: int
    | Forgetting of WAY: string
    | Outlook of BOUND: string
    | [<CustomCommandLine "--without-trace">] Without_Trace
    | Journal of FILE: string
    | Retention of N: int
    | Quarantine of FILE: string
    | Listen of ADDRESS: string
    | [<CustomCommandLine "--token-file">] Token_File of FILE: string
    | Webhook of URL: string
    | [<CustomCommandLine "--webhook-token-file">] Webhook_Token_File of FILE: string
    | Reply
    | Quiet

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario (or its scenario.json), whose system is controlled"
            | Post -> "metrics come as lines of JSON posted to /v1/metrics at the address of --listen"
            | Prometheus -> "metrics come from the Prometheus server that the scenario names"
            | Listen _ ->
                "serve /healthz, /readyz, /metrics and /v1/status and take orders (opar hold), such as at http://127.0.0.1:8080; other machines' addresses need a token"
            | Token_File _ -> "file with the bearer token that posts and orders take"
            | Webhook _ -> "post every action here, with an idempotency key, until it was taken or its interval is over"
            | Webhook_Token_File _ -> "file with the bearer token that the webhook asks for"
            | Stdin -> "metrics come as lines of JSON on standard input"
            | Trace _ -> "metrics come from a recorded trace, row by row"
            | Simulate -> "metrics come from the scenario's simulated mesh, which is acted on"
            | Testbed ->
                "metrics come from the scenario's testbed, real processes on this machine under its load, which is started and acted on"
            | Speed _ ->
                "of a trace or a simulation: max, 1x (as it was measured), 20x, .. (default: max in lockstep, 1x in real time)"
            | Cycles _ -> "of a simulation or a testbed: end after so many intervals (default: never)"
            | Mode _ -> "act (default); shadow: decide and record, but do nothing; base: the base policy alone"
            | Clock _ ->
                "lockstep (default, except with --post and --prometheus): each decision waits for the refit, and depends on the intervals alone; realtime: the model is refitted beside the decisions"
            | Deadline _ ->
                "in real time: milliseconds after which a plan is replaced by the base policy's action (default 250)"
            | Lookahead _ -> "lookahead horizon of rollout (default: the scenario's)"
            | Refit_Every _ -> "intervals after which the model is refitted (default: the scenario's)"
            | Forgetting _ -> "samples the model is fitted to, such as relevance:30 (default: the scenario's)"
            | Outlook _ -> "response times that are planned with, such as optimistic:0.6 (default: the scenario's)"
            | Without_Trace -> "start without a model of the scenario's trace"
            | Journal _ ->
                "SQLite file that keeps every interval, decision and model; a controller that is started with it again goes on from there"
            | Retention _ -> "intervals that the journal keeps (default 200000)"
            | Quarantine _ ->
                "file that elements go to that cannot be used, with the reason (default: <journal>.quarantine.ndjson; without a journal <scenario>.quarantine.ndjson); at 16 MiB it becomes <file>.1"
            | Reply -> "with --stdin: one line of output for each line of input, the decision or why there is none"
            | Quiet -> "write no decisions to standard output"

type ExportArguments =
    | [<MainCommand; ExactlyOnce>] Journal of FILE: string
    | Format of FORMAT: string
    | Scenario of DIR: string
    | Out of FILE: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control"
            | Format _ ->
                "csv (default): a row per cycle, with the columns of a trace; intervals or decisions: a line of JSON per cycle, as it came or went out"
            | Scenario _ -> "where the scenario is now (default: where it was)"
            | Out _ -> "file to write (default: standard output)"

type JournalShowArguments =
    | [<MainCommand; ExactlyOnce>] Journal of FILE: string
    | Scenario of DIR: string
    | Report of HTML: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control"
            | Scenario _ -> "where the scenario is now (default: where it was)"
            | Report _ -> "page to write on what the controller has done, or in shadow mode would have done"

type UndoArguments =
    | [<MainCommand; ExactlyOnce>] Journal of FILE: string
    | [<Mandatory>] To of TIME: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control, which no controller writes"
            | To _ ->
                "end of the last interval to keep, such as 2026-01-31T12:00:05Z; what came after it is taken back, and kept as evidence"

[<RequireSubcommand>]
type JournalArguments =
    | [<CliPrefix(CliPrefix.None)>] Export of ParseResults<ExportArguments>
    | [<CliPrefix(CliPrefix.None)>] Show of ParseResults<JournalShowArguments>
    | [<CliPrefix(CliPrefix.None)>] Undo of ParseResults<UndoArguments>

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Export _ -> "write the cycles of a journal as CSV or lines of JSON"
            | Show _ -> "sum a journal up"
            | Undo _ -> "take the last intervals back, with what was decided on them"

type ExplainArguments =
    | [<Mandatory>] Journal of FILE: string
    | [<Mandatory>] Cycle of N: int
    | Scenario of DIR: string
    | Anyway

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Journal _ -> "journal of opar control"
            | Cycle _ -> "the cycle to explain"
            | Scenario _ -> "where the scenario is now (default: where it was)"
            | Anyway -> "explain with the scenario as it is now, though it was another one when the cycle was decided"
