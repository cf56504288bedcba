/// Reads scenario.json: its text, what the schema finds, and its sections one by one.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Scenarios.ScenarioFile

open OnlinePolicyAdaptation.Scenarios.Sections
open System.Text.Json
open System.Text.Json.Nodes
open System.Text.Json.Serialization
open System.Text.Json.Serialization.Metadata

/// A file that is JSON: what is wrong with it by its schema, and its sections with what is left out filled in.
type T =
    {
        Text: ScenarioText
        Faults: ScenarioFault list
        /// Paths at which there is something of another type than expected, null for instance.
        Unreadable: string list
        /// The object of the file, filled in.
        Filled: JsonObject
    }

let private optionsMayBeMissing (info: JsonTypeInfo) =
    for property in info.Properties do
        match property.PropertyType with
        | Schema.Optional _ -> property.IsRequired <- false
        | _ -> ()

/// A whole number may be written 4, 4.0 or 4e0: JSON tells them apart as little as its schema does.
type private WholeNumbers() =
    inherit JsonConverter<int>()

    override _.Read(reader, _, _) =
        let value = reader.GetDouble()

        if value = System.Math.Round value && abs value <= float System.Int32.MaxValue then
            int value
        else
            raise (JsonException "expected a whole number")

    override _.Write(writer, value, _) = writer.WriteNumberValue value

/// Unknown fields are the schema's business.
let private jsonOptions =
    let resolver = DefaultJsonTypeInfoResolver()
    resolver.Modifiers.Add optionsMayBeMissing

    let options =
        JsonSerializerOptions(
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            RespectRequiredConstructorParameters = true,
            RespectNullableAnnotations = true,
            TypeInfoResolver = resolver
        )

    options.Converters.Add(WholeNumbers())
    options

/// What a file is told that has the shape of before.
let private ofFormat1 =
    "this is a scenario of format 1 (services, reward, trace, .. side by side); expected \"formatVersion\": 2 and the sections system, goal, controller, simulation, live and experiment, as scenarios/2-system-change has them (`opar scenario schema` says all of it, `opar scenario new` writes an example)"

let private isOfFormat1 (root: JsonObject) =
    not (root.ContainsKey "formatVersion")
    && not (root.ContainsKey "system")
    && (root.ContainsKey "services" || root.ContainsKey "controls")

let check (text: ScenarioText) =
    match text.Root with
    | :? JsonObject as root when isOfFormat1 root -> Error [ ScenarioFault.because "formatVersion" ofFormat1 ]
    | root ->
        let filled = root.DeepClone() :?> JsonObject
        Schema.fill typeof<ScenarioSection> filled

        let faults = SchemaCheck.faults root

        Ok
            {
                Text = text
                Faults = text.Duplicates @ List.map snd faults @ SchemaCheck.meanings root
                Unreadable =
                    [
                        for keyword, fault in faults do
                            if keyword = "type" then
                                fault.Path
                    ]
                Filled = filled
            }

/// One section, where it can be read; none where it is not there.
let section<'section> (name: string) (file: T) : Result<'section option, ScenarioFault list> =
    match file.Filled[name] with
    // The schema has said it.
    | _ when file.Unreadable |> List.exists (ScenarioText.isWithin name) -> Error []
    | null -> Ok None
    | node ->
        try
            match JsonSerializer.Deserialize(node, typeof<'section>, jsonOptions) with
            | :? 'section as section -> Ok(Some section)
            | _ -> Error [ ScenarioFault.at name "null" "an object" ]
        with :? JsonException as e ->
            let field =
                match e.Path with
                | null
                | "$" -> name
                | path -> name + path.TrimStart('$')

            Error [ ScenarioFault.because field (e.Message.Split(" Path: ")[0]) ]

/// The same of a section that has to be there.
let required<'section> name file : Result<'section, ScenarioFault list> =
    match section<'section> name file with
    | Ok(Some section) -> Ok section
    | Ok None -> Error [ ScenarioFault.at name "missing" "an object" ]
    | Error faults -> Error faults

/// Puts a value in place of the field that a path such as `controller.estimation.trees` names; its parents are there, or
/// have a default.
let set path (root: JsonObject) (field: string, value: JsonNode) =
    Schema.fill typeof<ScenarioSection> root
    let names = field.Split '.'

    let parent =
        ((root :> JsonNode | null), Seq.take (names.Length - 1) names)
        ||> Seq.fold (fun node name ->
            match node with
            | :? JsonObject as node -> node[name]
            | _ -> null)

    match parent with
    | :? JsonObject as parent ->
        parent[Array.last names] <- value.DeepClone()
        Ok root
    | _ -> Error $"{path}: there is no field {field}"
