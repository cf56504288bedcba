/// What the schema finds wrong with a scenario file, all of it.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Scenarios.SchemaCheck

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open System.Reflection
open System.Text.Json
open System.Text.Json.Nodes
open Json.Schema

let private schema = lazy (Schema.create ())

let private evaluator = lazy (JsonSchema.FromText(Schema.text.Value))

/// The steps of a JSON pointer.
let private steps (pointer: string) =
    match pointer.TrimStart('#') with
    | "" -> []
    | pointer ->
        pointer.Split('/')
        |> Seq.skip 1
        |> Seq.map (fun step -> step.Replace("~1", "/").Replace("~0", "~"))
        |> List.ofSeq

let private follow (steps: string list) (root: JsonNode | null) : JsonNode | null =
    (root, steps)
    ||> List.fold (fun node step ->
        match node with
        | :? JsonObject as fields -> fields[step]
        | :? JsonArray as items ->
            match Int32.TryParse step with
            | true, index when index < items.Count -> items[index]
            | _ -> null
        | _ -> null)

/// The path as faults write it.
let private pathOf (steps: string list) root =
    ((("": string), (root: JsonNode | null)), steps)
    ||> List.fold (fun (path, node) step ->
        match node with
        | :? JsonArray -> $"{path}[{step}]", follow [ step ] node
        | _ -> ScenarioText.child path step, follow [ step ] node)
    |> fst

/// Letters of a value that a fault shows.
let private mostShown = 60

let private shown (value: JsonNode | null) =
    let text =
        match value with
        | null -> "null"
        | value ->
            match value.GetValueKind() with
            | JsonValueKind.Object -> "an object"
            | JsonValueKind.Array -> "an array"
            | JsonValueKind.String ->
                let text = value.GetValue<string>()
                let safe = text |> String.map (fun c -> if Char.IsControl c then ' ' else c)
                $"'{safe}'"
            | _ -> value.ToJsonString()

    if text.Length > mostShown then
        text[.. mostShown - 1] + ".."
    else
        text

let private numberIn (name: string) (schema: JsonObject) =
    match schema[name] with
    | null -> None
    | value -> Numbers.parse (value.ToJsonString())

let private words (node: JsonNode | null) =
    match node with
    | :? JsonArray as items -> items |> Seq.map (fun item -> (nonNull item).GetValue<string>()) |> List.ofSeq
    | _ -> []

let private textOf (name: string) (schema: JsonObject) =
    match schema[name] with
    | null -> ""
    | value -> value.GetValue<string>()

/// The numbers that are allowed.
let private range (schema: JsonObject) =
    let kind =
        if textOf "type" schema = "integer" then
            "a whole number"
        else
            "a number"

    let lower =
        match numberIn "minimum" schema, numberIn "exclusiveMinimum" schema with
        | Some least, _ -> Some $"of at least {Numbers.text least}"
        | _, Some above -> Some $"above {Numbers.text above}"
        | _ -> None

    let upper =
        match numberIn "maximum" schema, numberIn "exclusiveMaximum" schema with
        | Some most, _ -> Some $"at most {Numbers.text most}"
        | _, Some below -> Some $"below {Numbers.text below}"
        | _ -> None

    match lower, upper with
    | Some lower, Some upper -> $"{kind} {lower} and {upper}"
    | Some one, None
    | None, Some one -> $"{kind} {one}"
    | None, None -> kind

let private expectedType (schema: JsonObject) =
    match textOf "type" schema with
    | "integer"
    | "number" -> range schema
    | "string" -> "a text"
    | "boolean" -> "true or false"
    | "array" -> "an array"
    | _ -> "an object"

/// A number that may have been meant as per cent.
let private percent (schema: JsonObject) (value: JsonNode | null) =
    match value, numberIn "maximum" schema with
    | NonNull value, Some 1.0 when value.GetValueKind() = JsonValueKind.Number ->
        match Numbers.parse (value.ToJsonString()) with
        | Some number when number > 1.0 && number <= 100.0 ->
            let share = Numbers.text (number / 100.0)
            $"; {number} %% is {share}"
        | _ -> ""
    | _ -> ""

let private patternWords (pattern: string) =
    [
        TextKind.Name
        TextKind.Query
        TextKind.Forgetting
        TextKind.ResponseTimeBound
    ]
    |> List.tryPick (fun kind ->
        match Schema.texts kind with
        | Some(known, words) when known = pattern -> Some words
        | _ -> None)
    |> Option.defaultValue $"a text that {pattern} matches"

let private fieldNames (schema: JsonObject) =
    match schema["properties"] with
    | :? JsonObject as fields -> fields |> Seq.map _.Key |> List.ofSeq
    | _ -> []

let private ofKeyword path (schema: JsonObject) (value: JsonNode | null) keyword =
    match keyword with
    | "type" -> [ ScenarioFault.at path (shown value) (expectedType schema) ]
    | "minimum"
    | "exclusiveMinimum"
    | "maximum"
    | "exclusiveMaximum" -> [ ScenarioFault.at path (shown value) (range schema + percent schema value) ]
    | "enum" ->
        let known = words schema["enum"]

        match value with
        | NonNull value when value.GetValueKind() = JsonValueKind.String ->
            [ ScenarioFault.unknown path "such word" known (value.GetValue<string>()) ]
        | _ -> [ ScenarioFault.at path (shown value) (expectedType schema) ]
    | "pattern" -> [ ScenarioFault.at path (shown value) (patternWords (textOf "pattern" schema)) ]
    | "minItems"
    | "maxItems" ->
        let count =
            match value with
            | :? JsonArray as items -> items.Count
            | _ -> 0

        let bound = if keyword = "minItems" then "at least" else "at most"

        let limit = numberIn keyword schema |> Option.defaultValue 0.0

        [ ScenarioFault.at path $"{count} entries" $"{bound} {limit}" ]
    | "required" ->
        match value with
        | :? JsonObject as fields ->
            [
                for name in words schema["required"] do
                    if not (fields.ContainsKey name) then
                        let field =
                            match schema["properties"] with
                            | :? JsonObject as known ->
                                match known[name] with
                                | :? JsonObject as field -> field
                                | _ -> JsonObject()
                            | _ -> JsonObject()

                        let description = textOf "description" field
                        ScenarioFault.at (ScenarioText.child path name) "missing" $"{expectedType field}: {description}"
            ]
        | _ -> []
    | _ -> []

/// The evaluator writes a step into an array twice.
let rec private schemaSteps way =
    match way with
    | "items" :: "items" :: rest -> "items" :: schemaSteps rest
    | step :: rest -> step :: schemaSteps rest
    | [] -> []

/// Fields that a file of this format once had, and what stands for them now.
let private moved =
    Map.ofList
        [
            "simulation.nodesAfterChange",
            "experiment.changes[0].nodes, which says what becomes of single nodes: [{ \"node\": .., \"speed\": .. }]"
            "experiment.traces.after", "experiment.changes[0].trace"
        ]

/// Every fault of a file, by its schema, but for alternatives; with the keyword of the schema.
let faults (root: JsonNode) =
    let results =
        evaluator.Value.Evaluate(
            JsonSerializer.SerializeToElement root,
            EvaluationOptions(OutputFormat = OutputFormat.List)
        )

    let details =
        results.Details
        |> Option.ofObj
        |> Option.map List.ofSeq
        |> Option.defaultValue []

    [
        for detail in results :: details do
            let way = steps (string detail.EvaluationPath) |> schemaSteps
            let place = steps (string detail.InstanceLocation)
            let path = pathOf place root

            match detail.Errors with
            // That one of several alternatives does not hold is no fault by itself; see `meanings`.
            | NonNull errors when not detail.IsValid && not (List.contains "oneOf" way) ->
                if
                    List.tryLast way = Some "additionalProperties"
                    && (follow way schema.Value :? JsonValue)
                then
                    let owner = follow (List.take (way.Length - 1) way) schema.Value

                    match owner, List.tryLast place with
                    | (:? JsonObject as owner), Some name ->
                        "additionalProperties",
                        (match moved.TryFind path with
                         | Some now -> ScenarioFault.at path "a field of before" now
                         | None -> ScenarioFault.unknown path "field" (fieldNames owner) name)
                    | _ -> ()
                else
                    match follow way schema.Value with
                    | :? JsonObject as part ->
                        for error in errors do
                            for fault in ofKeyword path part (follow place root) error.Key do
                                error.Key, fault
                    | _ -> ()
            | _ -> ()
    ]
    |> List.distinct

/// Faults that go by what a field means: alternatives of which one is set, and names that stand for services, nodes and controls
/// of the file.
let meanings (root: JsonNode) =
    let system = follow [ "system" ] root

    let texts (nodes: (JsonNode | null) seq) =
        nodes
        |> Seq.choose (fun node ->
            match node with
            | NonNull node when node.GetValueKind() = JsonValueKind.String -> Some(node.GetValue<string>())
            | _ -> None)
        |> List.ofSeq

    let items (name: string) =
        match follow [ name ] system with
        | :? JsonArray as items -> items |> Seq.map id
        | _ -> Seq.empty

    let services = items "services" |> Seq.map (follow [ "name" ]) |> texts
    let nodes = items "nodes" |> texts
    let controls = items "controls" |> Seq.map (follow [ "name" ]) |> texts

    let known kind =
        match kind with
        | TextKind.Service -> Some("service", services)
        | TextKind.Node -> Some("node", nodes)
        | TextKind.Control -> Some("control", controls)
        | _ -> None

    let isKnown path kind name =
        match known kind with
        | Some(word, names) when not (List.contains name names) -> [ ScenarioFault.unknown path word names name ]
        | _ -> []

    let alternatives path (t: Type) (fields: JsonObject) =
        match t.GetCustomAttribute<ExactlyOneAttribute>() with
        | null -> []
        | one ->
            match one.Fields |> Seq.filter fields.ContainsKey |> List.ofSeq with
            | [ _ ] -> []
            | given ->
                let found =
                    if given.IsEmpty then
                        "none of them"
                    else
                        ScenarioFault.listed given

                [
                    ScenarioFault.at path found $"exactly one of {ScenarioFault.listed one.Fields}"
                ]

    let rec visit path (t: Type) (field: FieldAttribute) (value: JsonNode | null) : ScenarioFault list =
        match t, value with
        | Schema.Optional inner, _ -> visit path inner field value
        | Schema.Items inner, (:? JsonArray as items) ->
            items
            |> Seq.mapi (fun i item -> visit $"{path}[{i}]" inner field item)
            |> List.concat
        | Schema.Entries inner, (:? JsonObject as entries) ->
            [
                for entry in entries do
                    let path = ScenarioText.child path entry.Key
                    yield! isKnown path field.Keys entry.Key
                    yield! visit path inner field entry.Value
            ]
        | Schema.Object, (:? JsonObject as fields) ->
            [
                yield! alternatives path t fields

                for property in Schema.properties t do
                    let name = Schema.jsonName property

                    if fields.ContainsKey name then
                        yield!
                            visit
                                (ScenarioText.child path name)
                                property.PropertyType
                                (Schema.fieldOf property)
                                fields[name]
            ]
        | Schema.Leaf, NonNull value when value.GetValueKind() = JsonValueKind.String ->
            isKnown path field.Kind (value.GetValue<string>())
        | _ -> []

    visit "" typeof<ScenarioSection> (FieldAttribute "") root
