/// Where two JSON texts differ, in words.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.JsonDifference

open System
open System.Text.Json

/// Values by their path, such as `controls[0].levels`.
let rec private values place (element: JsonElement) : (string * string) list =
    match element.ValueKind with
    | JsonValueKind.Object ->
        [
            for property in element.EnumerateObject() do
                yield!
                    values
                        (if place = "" then
                             property.Name
                         else
                             $"{place}.{property.Name}")
                        property.Value
        ]
    | JsonValueKind.Array ->
        [
            for i, item in Seq.indexed (element.EnumerateArray()) do
                yield! values $"{place}[{i}]" item
        ]
    | _ -> [ place, element.GetRawText() ]

let private valuesOf (text: string) =
    use document =
        JsonDocument.Parse(
            text,
            JsonDocumentOptions(CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)
        )

    values "" document.RootElement |> Map

/// Places that are named.
let private named = 5

let private short (text: string) =
    if text.Length <= 40 then
        text
    else
        text.Substring(0, 40) + "..."

/// What of a file is different from what it was.
let words (name: string) (before: string) (now: string) =
    try
        let before, now = valuesOf before, valuesOf now

        let different =
            Seq.append before.Keys now.Keys
            |> Seq.distinct
            |> Seq.filter (fun place -> before.TryFind place <> now.TryFind place)
            |> List.ofSeq

        let word place =
            match before.TryFind place, now.TryFind place with
            | Some before, Some now -> $"{place} {short now} instead of {short before}"
            | Some _, None -> $"{place} is gone"
            | _ -> $"{place} is new"

        match different with
        | [] -> $"{name} is written in another way"
        | places when places.Length > named ->
            let first = places |> List.truncate named |> List.map word |> String.concat ", "
            $"{name}: {first} and {places.Length - named} more"
        | places ->
            let all = places |> List.map word |> String.concat ", "
            $"{name}: {all}"
    with :? JsonException ->
        $"{name} has changed"
