namespace OnlinePolicyAdaptation.Cli

open Argu

type TestbedLoadArguments =
    | [<MainCommand; ExactlyOnce>] Front of URL: string
    | [<Mandatory>] Service of LOAD: string
    | Seconds of N: float
    | Timeout of SECONDS: float
    | [<CustomCommandLine "--most-in-flight">] Most_In_Flight of N: int
    | Seed of N: int

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Front _ -> "address that requests are sent to, such as http://127.0.0.1:8080; services are paths below it"
            | Service _ ->
                "a service and its requests per second, such as shop=50; given once for each service. For clients of a group, whom the header X-Client-Group names: shop@premium=10. Instead of a number: sine:MEAN:AMPLITUDE:PERIOD (in seconds), steps:RATE,RATE,..:SECONDS (one of them drawn every so many seconds), file:CSV:COLUMN:SECONDS (a row after the other, each for so many seconds)"
            | Seconds _ -> "for how long requests are sent (default 10)"
            | Timeout _ -> "seconds after which a request without a response has failed (default 10)"
            | Most_In_Flight _ ->
                "requests that may wait for their responses at once; further ones are not sent, and counted as failed (default 2000)"
            | Seed _ -> "decides when requests are sent (default 1); the same seed, the same times"

type TestbedUpArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | [<CustomCommandLine "--without-load">] Without_Load

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, with its scenario.json"
            | Without_Load -> "send no requests; opar testbed load does, or whoever wants to"

type TestbedChangeArguments =
    | [<MainCommand; ExactlyOnce>] Request of DIR: string * CHANGE: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Request _ ->
                "folder of the scenario whose testbed is up, started from the same folder as this; and what happens: slowdown:NODE=FACTOR, work:SERVICE=FACTOR, gone:NODE, back:NODE, load:FACTOR; factors are over what the scenario says"

type TestbedRecordArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | [<Mandatory>] Out of CSV: string
    | Intervals of N: int
    | Configurations of N: int
    | [<CustomCommandLine "--after-change">] After_Change

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, with its scenario.json"
            | Out _ -> "trace to write; one that is there already is gone on with"
            | Intervals _ -> "monitoring intervals per load level and configuration (default: the scenario's)"
            | Configurations _ -> "visit so many configurations of the grid, drawn by chance (default: all)"
            | After_Change -> "record the system as it is after all changes of the scenario"

type TestbedRunArguments =
    | [<MainCommand; ExactlyOnce>] Scenario of DIR: string
    | Quick
    | Seeds of N: int
    | Cycles of N: int
    | Out of DIR: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Scenario _ -> "folder of the scenario, with its scenario.json"
            | Quick -> "base policy, rollout and optimum, one repetition"
            | Seeds _ -> "number of repetitions (default: the scenario's)"
            | Cycles _ -> "number of control cycles of a run (default: the scenario's)"
            | Out _ -> "folder for report.html, results.json and results.csv (default: results/<scenario>-testbed)"

[<RequireSubcommand>]
type TestbedArguments =
    | [<CliPrefix(CliPrefix.None)>] Up of ParseResults<TestbedUpArguments>
    | [<CliPrefix(CliPrefix.None)>] Change of ParseResults<TestbedChangeArguments>
    | [<CliPrefix(CliPrefix.None)>] Record of ParseResults<TestbedRecordArguments>
    | [<CliPrefix(CliPrefix.None)>] Run of ParseResults<TestbedRunArguments>
    | [<CliPrefix(CliPrefix.None)>] Load of ParseResults<TestbedLoadArguments>
    | [<CliPrefix(CliPrefix.None); Hidden; SubCommand>] Node
    | [<CliPrefix(CliPrefix.None); Hidden; SubCommand>] Front

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Up _ -> "start a scenario's testbed under its load, until stopped"
            | Change _ -> "change a testbed that is up: a node slower, or gone, a service's work, the load"
            | Record _ -> "record a trace of a scenario's testbed over its control grid, in random order"
            | Run _ -> "run a scenario's policies on its testbed, one after the other"
            | Load _ -> "send requests to an address at given rates, and say how they were answered"
            | Node -> "a process of a testbed: serves requests"
            | Front -> "a process of a testbed: routes and refuses requests"
