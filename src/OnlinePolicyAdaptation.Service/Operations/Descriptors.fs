/// File descriptors, which files and connections share.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.Descriptors

open System
open System.IO

/// The limit in a text such as that of /proc/self/limits; none where there is none.
let internal limitIn (lines: string seq) =
    let name = "Max open files"

    lines
    |> Seq.tryFind _.StartsWith(name, StringComparison.Ordinal)
    |> Option.bind (fun line ->
        match line.Substring(name.Length).Split(' ', StringSplitOptions.RemoveEmptyEntries) with
        | [||] -> None
        | words ->
            match Int32.TryParse words[0] with
            | true, limit -> Some limit
            | _ -> None)

/// How many files this process may have open; none where that is not known, or without a limit.
let limit () =
    try
        limitIn (File.ReadLines "/proc/self/limits")
    with
    | :? IOException
    | :? UnauthorizedAccessException -> None
