/// Command lines, as a report prints them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.CommandLine

open System
open Argu

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
