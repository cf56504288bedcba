/// The JSON Schema of scenario.json, made from the types of its sections.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.Schema

open OnlinePolicyAdaptation.Scenarios.Sections
open System
open System.Reflection
open System.Text.Json
open System.Text.Json.Nodes
open System.Text.Json.Serialization
open Microsoft.FSharp.Reflection

/// What texts of a kind look like, and how that is said.
let internal texts kind =
    match kind with
    | TextKind.Name ->
        Some(
            "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
            "1 to 64 letters, digits, '-', '_' and '.', the first one not a '.'"
        )
    | TextKind.Query -> Some("\\S", "a PromQL query")
    | TextKind.Forgetting ->
        Some(
            "^(never|(window|newest|relevance|factors):[1-9][0-9]{0,8})$",
            "never, window:<samples>, newest:<samples per configuration>, relevance:<samples per configuration> or factors:<samples per configuration>"
        )
    | TextKind.ResponseTimeBound ->
        Some(
            "^(expected|(optimistic|cautious):0?\\.[5-9][0-9]*)$",
            "expected, optimistic:<confidence> or cautious:<confidence>, a confidence being a number from 0.5 to below 1"
        )
    | _ -> None

let private isOf (generic: Type) (t: Type) =
    t.IsGenericType && t.GetGenericTypeDefinition() = generic

/// What a field holds: perhaps something, an array, a map by name, an object with fields, or a value.
let internal (|Optional|Items|Entries|Object|Leaf|) (t: Type) =
    if isOf typedefof<option<_>> t then
        Optional(t.GetGenericArguments()[0])
    elif isOf typedefof<Map<_, _>> t then
        Entries(t.GetGenericArguments()[1])
    elif t.IsArray then
        Items(t.GetElementType() |> nonNull)
    elif FSharpType.IsRecord t || t = typeof<NothingSection> then
        Object
    else
        Leaf

let internal properties (t: Type) =
    if FSharpType.IsRecord t then
        FSharpType.GetRecordFields t
    else
        [||]

let internal fieldOf (property: PropertyInfo) =
    match property.GetCustomAttribute<FieldAttribute>() with
    | null -> FieldAttribute ""
    | field -> field

let internal jsonName (property: PropertyInfo) =
    match property.GetCustomAttribute<JsonPropertyNameAttribute>() with
    | null -> JsonNamingPolicy.CamelCase.ConvertName property.Name
    | attribute -> attribute.Name

let private isOptional (property: PropertyInfo) =
    match property.PropertyType with
    | Optional _ -> true
    | _ -> (fieldOf property).Default <> ""

let private ofText (value: string) : JsonNode | null = JsonValue.Create value
let private ofInt (value: int) : JsonNode | null = JsonValue.Create value

let private texted (words: string seq) : JsonNode =
    JsonArray(words |> Seq.map ofText |> Seq.toArray)

let private isWhole value =
    value = Math.Round(value: float) && abs value < 1e15

let private number (value: float) : JsonNode | null =
    if isWhole value then
        JsonValue.Create(int64 value)
    else
        JsonValue.Create value

let private leaf (t: Type) (field: FieldAttribute) =
    let schema = JsonObject()

    let bound (name: string) value =
        if not (Double.IsNaN value) then
            schema[name] <- number value

    if t = typeof<string> then
        schema["type"] <- ofText "string"

        if field.Words <> "" then
            schema["enum"] <- texted (field.Words.Split ' ')

        texts field.Kind
        |> Option.iter (fun (pattern, _) -> schema["pattern"] <- ofText pattern)
    elif t = typeof<bool> then
        schema["type"] <- ofText "boolean"
    else
        schema["type"] <- ofText (if t = typeof<int> then "integer" else "number")
        bound "minimum" field.Lowest
        bound "exclusiveMinimum" field.Above
        bound "maximum" field.Highest
        bound "exclusiveMaximum" field.Below

        if t = typeof<int> && Double.IsNaN field.Highest then
            schema["minimum"] <- ofInt Int32.MinValue
            schema["maximum"] <- ofInt Int32.MaxValue

    schema

let rec private ofType (t: Type) (field: FieldAttribute) : JsonObject =
    match t with
    | Optional inner -> ofType inner field
    | Items inner ->
        let schema = JsonObject()
        schema["type"] <- ofText "array"
        let within = FieldAttribute("", Kind = field.Kind, Words = field.Words)
        within.Lowest <- field.Lowest
        within.Above <- field.Above
        within.Highest <- field.Highest
        within.Below <- field.Below
        schema["items"] <- ofType inner within

        if field.LeastItems > 0 then
            schema["minItems"] <- ofInt field.LeastItems

        if field.MostItems < Int32.MaxValue then
            schema["maxItems"] <- ofInt field.MostItems

        schema
    | Entries inner ->
        let schema = JsonObject()
        schema["type"] <- ofText "object"
        schema["additionalProperties"] <- ofType inner field
        schema
    | Object -> ofObject t
    | Leaf -> leaf t field

and private ofObject (t: Type) =
    let schema = JsonObject()
    schema["type"] <- ofText "object"
    let all = JsonObject()

    for property in properties t do
        let field = fieldOf property
        let inner = ofType property.PropertyType field
        inner["description"] <- ofText field.Description

        if field.Default <> "" then
            inner["default"] <- JsonNode.Parse field.Default

        all[jsonName property] <- inner

    schema["properties"] <- all
    let required = properties t |> Seq.filter (isOptional >> not) |> Seq.map jsonName

    if not (Seq.isEmpty required) then
        schema["required"] <- texted required

    match t.GetCustomAttribute<ExactlyOneAttribute>() with
    | null -> ()
    | one ->
        schema["oneOf"] <-
            JsonArray(
                [|
                    for name in one.Fields ->
                        let alternative = JsonObject()
                        alternative["required"] <- texted [ name ]
                        alternative :> JsonNode
                |]
            )

    schema["additionalProperties"] <- JsonValue.Create false
    schema

/// The schema, a new one at each call.
let create () : JsonObject =
    let schema = ofObject typeof<ScenarioSection>
    schema.Insert(0, "$schema", ofText "https://json-schema.org/draft/2020-12/schema")
    schema.Insert(1, "title", ofText "scenario.json of OnlinePolicyAdaptation")
    schema

/// The schema as text.
let text =
    lazy
        (let options =
            JsonSerializerOptions(
                WriteIndented = true,
                Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping
            )

         create().ToJsonString options + "\n")

/// Puts in what is left out and has a default; what is there stays, right or wrong.
let rec internal fill (t: Type) (value: JsonNode | null) : unit =
    match t, value with
    | Optional inner, _ -> fill inner value
    | Items inner, (:? JsonArray as items) ->
        for item in items do
            fill inner item
    | Entries inner, (:? JsonObject as entries) ->
        for entry in entries do
            fill inner entry.Value
    | Object, (:? JsonObject as fields) ->
        for property in properties t do
            let name = jsonName property
            let standard = (fieldOf property).Default

            if standard <> "" && not (fields.ContainsKey name) then
                fields[name] <- JsonNode.Parse standard

            if fields.ContainsKey name then
                fill property.PropertyType fields[name]
    | _ -> ()
