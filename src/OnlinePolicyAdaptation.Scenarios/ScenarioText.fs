namespace OnlinePolicyAdaptation.Scenarios

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open System.Text.Json.Nodes

/// The text of a scenario file, parsed, and where in it what stands.
type internal ScenarioText =
    {
        Root: JsonNode
        /// The line of each path, from 1.
        Lines: IReadOnlyDictionary<string, int>
        /// Fields that stand more than once in the same object.
        Duplicates: ScenarioFault list
    }

[<RequireQualifiedAccess>]
module internal ScenarioText =

    /// No scenario is as large as this.
    let private mostBytes = 8 * 1024 * 1024

    let child path name =
        if path = "" then name else $"{path}.{name}"

    /// Whether a path is another one or in it.
    let isWithin (outer: string) (path: string) =
        path = outer
        || path.StartsWith(outer + ".", StringComparison.Ordinal)
        || path.StartsWith(outer + "[", StringComparison.Ordinal)

    let private readerOptions =
        JsonReaderOptions(CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)

    let private documentOptions =
        JsonDocumentOptions(CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)

    /// The bytes of a regular file.
    let private bytes path =
        if not (File.Exists path) then
            Error $"{path}: no such file; expected the folder of a scenario, with a scenario.json in it"
        else
            // Devices and pipes have no length; to open one may take for ever.
            match FileInfo(path).Length with
            | 0L -> Error $"{path}: empty, or no regular file; expected a scenario"
            | length when length > int64 mostBytes ->
                Error $"{path}: {length} bytes; expected a scenario of at most {mostBytes} bytes"
            | _ -> Ok(File.ReadAllBytes path)

    let private withoutMark (bytes: byte[]) =
        if bytes.AsSpan().StartsWith(ReadOnlySpan [| 0xEFuy; 0xBBuy; 0xBFuy |]) then
            bytes[3..]
        else
            bytes

    /// Goes through all tokens, for lines and duplicates.
    let private scan (bytes: byte[]) =
        let lines = Dictionary<string, int>()
        let duplicates = List<ScenarioFault>()
        let mutable reader = Utf8JsonReader(ReadOnlySpan bytes, readerOptions)
        let mutable counted = 0
        let mutable line = 1
        // What surrounds the token: the path, the next index of an array or -1, and the names of an object so far.
        let around = Stack<struct (string * int * HashSet<string>)>()
        let mutable name = ""

        while reader.Read() do
            let start = int reader.TokenStartIndex

            while counted < start do
                if bytes[counted] = 10uy then
                    line <- line + 1

                counted <- counted + 1

            let place () =
                if around.Count = 0 then
                    ""
                else
                    let struct (path, index, names) = around.Pop()

                    if index >= 0 then
                        around.Push(struct (path, index + 1, names))
                        $"{path}[{index}]"
                    else
                        around.Push(struct (path, index, names))
                        child path name

            match reader.TokenType with
            | JsonTokenType.PropertyName ->
                name <- reader.GetString() |> nonNull
                let struct (path, _, names) = around.Peek()

                if not (names.Add name) then
                    duplicates.Add(ScenarioFault.at (child path name) "the field stands here twice" "each field once")
            | JsonTokenType.EndObject
            | JsonTokenType.EndArray -> around.Pop() |> ignore
            | token ->
                let path = place ()
                lines[path] <- line

                match token with
                | JsonTokenType.StartObject -> around.Push(struct (path, -1, HashSet()))
                | JsonTokenType.StartArray -> around.Push(struct (path, 0, HashSet()))
                | _ -> ()

        lines, List.ofSeq duplicates

    let parse path (bytes: byte[]) =
        let bytes = withoutMark bytes

        try
            let lines, duplicates = scan bytes

            use document = JsonDocument.Parse(ReadOnlyMemory bytes, documentOptions)

            // Of a field that stands twice the last one counts, until it is mended.
            let rec copy (element: JsonElement) : JsonNode | null =
                match element.ValueKind with
                | JsonValueKind.Object ->
                    let fields = JsonObject()

                    for property in element.EnumerateObject() do
                        fields[property.Name] <- copy property.Value

                    fields
                | JsonValueKind.Array ->
                    let items = JsonArray()

                    for item in element.EnumerateArray() do
                        items.Add(copy item)

                    items
                | JsonValueKind.Null -> null
                | _ -> JsonValue.Create(element.Clone())

            match copy document.RootElement with
            | :? JsonObject as root ->
                Ok
                    {
                        Root = root
                        Lines = lines
                        Duplicates = duplicates
                    }
            | _ -> Error $"{path}: expected a JSON object"
        with
        | :? JsonException as e ->
            let line =
                if e.LineNumber.HasValue then
                    e.LineNumber.Value + 1L
                else
                    1L

            let message = e.Message.Split(" LineNumber")[0]
            Error $"{path}:{line}: {message}"
        | :? InvalidOperationException ->
            // A text holds half of a surrogate pair.
            Error $"{path}: a text is no valid Unicode"

    let read path = bytes path |> Result.bind (parse path)

    /// The line of a path, or of what it would be in.
    let rec line (text: ScenarioText) (path: string) =
        match text.Lines.TryGetValue path with
        | true, line -> Some line
        | _ ->
            match path.LastIndexOfAny [| '.'; '[' |] with
            | -1 -> None
            | cut -> line text path[.. cut - 1]
