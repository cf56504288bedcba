/// How the command is called: what it can do, and what a wrong call should have been.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.Usage

open System
open System.Reflection
open System.Text.RegularExpressions
open Argu
open OnlinePolicyAdaptation.Scenarios

let private purpose =
    "opar keeps the control policy of a networked system good while the system changes."

/// Commands by what they are for.
let private groups =
    [
        "control a system", [ "control"; "status"; "hold"; "resume"; "journal"; "explain" ]
        "try it out", [ "run"; "report"; "sweep"; "record"; "testbed" ]
        "models and policies", [ "fit"; "predict"; "evaluate"; "plan"; "train"; "policy" ]
        "scenarios", [ "scenario" ]
    ]

let version =
    let assembly = Assembly.GetExecutingAssembly()

    match assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>() with
    | null -> "opar"
    | found ->
        match found.InformationalVersion.Split '+' with
        | [| number; commit |] -> $"opar {number} ({commit.Substring(0, min 12 commit.Length)})"
        | _ -> $"opar {found.InformationalVersion}"

// --- What Argu says of a command

/// The help of a command.
let private helpOf (parser: ArgumentParser<Arguments>) (words: string list) =
    try
        parser.ParseCommandLine(Array.ofList (words @ [ "--help" ])) |> ignore
        ""
    with :? ArguParseException as e ->
        e.Message

/// The commands that a help lists.
let private commandsIn (help: string) =
    match help.IndexOf "SUBCOMMANDS:" with
    | -1 -> []
    | start ->
        [
            for line in Regex.Matches(help.Substring start, @"^    ([a-z]+)(?= |$)", RegexOptions.Multiline) do
                line.Groups[1].Value
        ]

let private optionsIn (help: string) =
    [
        for option in Regex.Matches(help, "--[a-z][a-z-]*") do
            option.Value
    ]
    |> List.distinct

/// The command that a call names: its words, and its help.
let private commandOf parser (argv: string list) =
    let rec follow words help rest =
        match rest with
        | next :: rest when List.contains next (commandsIn help) ->
            let words = words @ [ next ]
            follow words (helpOf parser words) rest
        | _ -> words, help

    follow [] (helpOf parser []) argv

/// The line of usage, with what may be left out as one word.
let private line (help: string) =
    let first = help.IndexOf "USAGE:"
    let ending = help.IndexOf("\n\n", max 0 first)

    let whole =
        Regex.Replace(help.Substring(first + 6, ending - first - 6), @"\s+", " ")

    let short = Regex.Replace(whole, @"\[--[^\]]*\] ?", "")
    let name = Regex.Match(short, @"^ ?opar( [a-z]+)*")
    let options = if commandsIn help = [] then " [options]" else ""

    $"usage:{name.Value}{options}{short.Substring name.Length}"
        .Replace("<subcommand> [<options>]", "COMMAND ..")
        .Replace("  ", " ")

// --- Help

let private described (parser: ArgumentParser<Arguments>) =
    Map.ofList
        [
            for case in parser.GetArgumentCases() do
                for name in case.CommandLineNames.Value do
                    name, case.Description.Value
        ]

/// What is said to who asks for nothing in particular.
let overview (parser: ArgumentParser<Arguments>) =
    let described = described parser

    let command name =
        $"  {name, -10}{Map.find name described}"

    String.concat
        "\n"
        [
            purpose
            for title, names in groups do
                ""
                $"{title}:"
                yield! List.map command names
            ""
            "examples:"
            for example in Examples.first do
                $"  {example}"
            ""
            "opar COMMAND --help says more of a command, opar --version which opar this is."
        ]

/// The help of a command, with its examples.
let ofCommand parser (argv: string list) (help: string) =
    let words, _ = commandOf parser argv

    match Examples.ofCommand words with
    | [] -> help.TrimEnd()
    | examples ->
        String.concat
            "\n"
            [
                help.TrimEnd()
                ""
                "examples:"
                for example in examples do
                    $"  {example}"
            ]

// --- Wrong calls

let private orMeant given known otherwise =
    match Spelling.nearest known given with
    | Some word -> $"did you mean {word}?"
    | None -> otherwise

/// So many commands are listed in a sentence.
let private fewCommands = 8

let private expectedOneOf (place: string) (commands: string list) =
    if commands.Length <= fewCommands then
        let list = String.concat ", " commands
        $"expected one of {list}"
    else
        $"{place} --help lists those that there are"

/// What stands for a number in the help.
let private kindOf argument =
    if List.contains argument [ "<N>"; "<K>"; "<L>"; "<T>"; "<MS>" ] then
        $"a whole number {argument}"
    else
        argument

/// What is wrong with a word that Argu does not know.
let private unknown (words: string list) help (given: string) =
    let options, commands = optionsIn help, commandsIn help
    let place = String.concat " " ("opar" :: words)

    match given.Split('=', 2) with
    | [| option; value |] when List.contains option options -> $"'{given}': expected {option} {value}, with a blank"
    | _ when given.StartsWith '-' ->
        let advice = orMeant given options $"{place} --help lists those that there are"
        $"'{given}' is no option; {advice}"
    | _ when not commands.IsEmpty ->
        let advice = orMeant given commands (expectedOneOf place commands)
        $"'{given}' is no command; {advice}"
    | _ -> $"'{given}' is one argument too many"

/// The sentence that says what is wrong with a call, of what Argu says.
let private sentence (words: string list) help (said: string) =
    let (|Found|_|) pattern text =
        let found = Regex.Match(text, pattern)

        if found.Success then
            Some [ for group in found.Groups -> group.Value ]
        else
            None

    match said.Split('\n')[0] with
    | Found "^ERROR: unrecognized argument: '(.*)'" [ _; given ] -> unknown words help given
    | Found "^ERROR: parameter '(.*)' must be followed by (<.*>), but was '(.*)'" [ _; option; expected; given ] ->
        $"{option}: '{given}'; expected {kindOf expected}"
    | Found "^ERROR: argument '(.*)' must be followed by (<.*>)" [ _; option; expected ] ->
        $"{option}: expected {kindOf expected} after it"
    | Found "^ERROR: missing argument '(.*)'" [ _; missing ] -> $"{missing} is missing"
    | Found "^ERROR: no valid subcommand" _ -> expectedOneOf (String.concat " " ("opar" :: words)) (commandsIn help)
    | other -> other.Replace("ERROR: ", "").TrimEnd '.'

/// What is said of a wrong call: a sentence, and two lines of usage.
let wrong parser (argv: string list) (said: string) =
    let words, help = commandOf parser argv
    let command = String.concat " " ("opar" :: words)

    String.concat
        "\n"
        [
            $"{command}: {sentence words help said}"
            line help
            $"{command} --help says more"
        ]
