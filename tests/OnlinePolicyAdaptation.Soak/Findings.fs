namespace OnlinePolicyAdaptation.Soak

open System
open System.Text.Json

/// What was counted, and what did not hold.
[<Sealed>]
type Findings(run: string) =
    let counts = ResizeArray<string * string>()
    let broken = ResizeArray<string>()

    member _.Run = run
    member _.Count (name: string) (value: obj) = counts.Add(name, string value)

    /// Notes what must hold, and a reason where it does not.
    member _.Require (holds: bool) (reason: string) =
        if not holds then
            broken.Add reason

    member _.Broken = List.ofSeq broken

    member findings.Print() =
        printfn $"{run}"

        for name, value in counts do
            printfn $"  %-44s{name} {value}"

        for reason in broken do
            printfn $"  does not hold: {reason}"

[<RequireQualifiedAccess>]
module Ndjson =

    /// Lines that are no objects of JSON.
    let impure (lines: string list) =
        lines
        |> List.filter (fun line ->
            try
                use document = JsonDocument.Parse line
                document.RootElement.ValueKind <> JsonValueKind.Object
            with :? JsonException ->
                true)

    let time (decision: string) =
        use document = JsonDocument.Parse decision
        document.RootElement.GetProperty("time").GetDateTimeOffset()
