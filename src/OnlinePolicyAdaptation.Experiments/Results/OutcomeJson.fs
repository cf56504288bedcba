/// results.json: what an experiment came to, field by field as in `ExperimentOutcome`. A number that is unknown is null.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.OutcomeJson

#nowarn "3261" // A generic converter of reference types cannot be annotated for null, which it never gets or gives.

open OnlinePolicyAdaptation.Scenarios
open System
open System.IO
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Serialization
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Planning

/// JSON has no NaN and no infinity: both are null, and null is NaN.
type private NumberConverter() =
    inherit JsonConverter<float>()

    override _.HandleNull = true

    override _.Read(reader, _, _) =
        if reader.TokenType = JsonTokenType.Null then
            nan
        else
            reader.GetDouble()

    override _.Write(writer, value, _) =
        if Double.IsFinite value then
            writer.WriteNumberValue value
        else
            writer.WriteNullValue()

/// A value by its name.
type private NameConverter<'a>(expected: string, name: 'a -> string, ofName: string -> 'a option) =
    inherit JsonConverter<'a>()

    override _.Read(reader, _, _) =
        match reader.TokenType with
        | JsonTokenType.String ->
            let text = reader.GetString() |> Option.ofObj |> Option.defaultValue ""

            match ofName text with
            | Some value -> value
            | None -> raise (JsonException $"'{text}'; expected {expected}")
        | other -> raise (JsonException $"{other}; expected {expected}")

    override _.Write(writer, value, _) = writer.WriteStringValue(name value)

let private among (values: 'a list) (name: 'a -> string) =
    let expected = values |> List.map name |> String.concat ", "
    NameConverter<'a>($"one of {expected}", name, (fun text -> values |> List.tryFind (fun value -> name value = text)))

let private options =
    let options = StrictJson.Options()
    options.WriteIndented <- true
    options.Encoder <- JavaScriptEncoder.UnsafeRelaxedJsonEscaping

    options.Converters.Add(NumberConverter())

    options.Converters.Add(
        NameConverter<Contender>("the name of a contender", (fun contender -> contender.Name), Contender.ofName)
    )

    options.Converters.Add(among [ Phase.Before; Phase.After; Phase.All ] _.Name)
    options.Converters.Add(among [ RolloutScheme.Joint; RolloutScheme.Multiagent ] _.Name)
    options

let write (outcome: ExperimentOutcome) (text: TextWriter) =
    text.WriteLine(JsonSerializer.Serialize(outcome, options))

/// The outcome in a file, or what is wrong with it: file, field, what was expected.
let read (path: string) =
    try
        match
            JsonSerializer.Deserialize<ExperimentOutcome>(GivenFile.ReadText(path, "the results of opar run"), options)
        with
        | null -> Error $"{path}: null; expected the results of opar run"
        | outcome -> Ok outcome
    with
    | :? BadInputException as e -> Error e.Message
    | :? JsonException as e ->
        let place = if isNull e.Path then "" else $" {e.Path}:"
        Error $"{path}:{place} {e.Message} (expected the results of opar run)"
