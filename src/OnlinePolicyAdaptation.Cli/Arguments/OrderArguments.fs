namespace OnlinePolicyAdaptation.Cli

open Argu

type HoldArguments =
    | [<Mandatory>] Url of URL: string
    | Until of TIME: string
    | Minutes of N: float
    | By of NAME: string
    | [<CustomCommandLine "--token-file">] Token_File of FILE: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Url _ -> "where the controller listens, such as http://127.0.0.1:8080"
            | Until _ -> "hold until then, such as 2026-01-31T12:00:05Z (default: until it is taken back)"
            | Minutes _ -> "hold for so many minutes from now"
            | By _ -> "who gives the order, for the record (default: the user of this machine)"
            | Token_File _ -> "file with the bearer token that the controller asks for"

type ResumeArguments =
    | [<Mandatory>] Url of URL: string
    | By of NAME: string
    | [<CustomCommandLine "--token-file">] Token_File of FILE: string

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Url _ -> "where the controller listens, such as http://127.0.0.1:8080"
            | By _ -> "who gives the order, for the record (default: the user of this machine)"
            | Token_File _ -> "file with the bearer token that the controller asks for"

type StatusArguments =
    | [<Mandatory>] Url of URL: string
    | Json

    interface IArgParserTemplate with
        member this.Usage =
            match this with
            | Url _ -> "where the controller listens, such as http://127.0.0.1:8080"
            | Json -> "print what the controller answers, as it is"
