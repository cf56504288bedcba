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

[<RequireSubcommand>]
type TestbedArguments =
    | [<CliPrefix(CliPrefix.None)>] Load of ParseResults<TestbedLoadArguments>
    | [<CliPrefix(CliPrefix.None); Hidden; SubCommand>] Node
    | [<CliPrefix(CliPrefix.None); Hidden; SubCommand>] Front

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Load _ -> "send requests to an address at given rates, and say how they were answered"
            | Node -> "a process of a testbed: serves requests"
            | Front -> "a process of a testbed: routes and refuses requests"
