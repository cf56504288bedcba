/// Command lines: what an option may say, and how a report prints them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.CommandLine

open System
open Argu
open OnlinePolicyAdaptation.Domain

/// The option's word among those it may be.
let oneOf option (words: (string * 'a) list) (word: string) =
    match words |> List.tryFind (fst >> (=) word) with
    | Some(_, meaning) -> Ok meaning
    | None ->
        let expected = words |> List.map fst |> String.concat ", "
        Error $"{option}: '{word}'; expected one of {expected}"

/// The address of a server, which has no query or fragment; `what` it is the address of.
let address what (text: string) =
    match Uri.TryCreate(text, UriKind.Absolute) with
    | true, NonNull url when
        (url.Scheme = Uri.UriSchemeHttp || url.Scheme = Uri.UriSchemeHttps)
        && url.Query = ""
        && url.Fragment = ""
        ->
        Ok url
    | _ -> Error $"'{Redacted.Address text}'; expected the address of {what}, such as http://127.0.0.1:8080"

/// An argument as a shell takes it.
let private quoted (argument: string) =
    let plain c =
        Char.IsAsciiLetterOrDigit c || "-_./:,=+@%".Contains c

    if argument <> "" && Seq.forall plain argument then
        argument
    else
        let escaped = argument.Replace("'", "'\\''")
        $"'{escaped}'"

/// The command that gives the same results again: `opar` with a subcommand and those of its arguments that decide what comes
/// out.
let reproducing subcommand decides (arguments: ParseResults<'arguments>) =
    arguments.GetAllResults()
    |> List.filter decides
    |> arguments.Parser.PrintCommandLineArguments
    |> Seq.map quoted
    |> Seq.append [ $"opar {subcommand}" ]
    |> String.concat " "
