namespace OnlinePolicyAdaptation.Service

open System
open System.Text
open System.Text.Json

/// Times as text, as in RFC 3339.
[<RequireQualifiedAccess>]
module internal TimeText =

    let expected = "expected a time as in RFC 3339, such as 2026-01-31T12:00:05Z"

    let private dateLength = "2026-01-31".Length

    /// Whether a text of a time says how far it is from UTC.
    let hasOffset (text: ReadOnlySpan<byte>) =
        text.Length > dateLength
        && (text[text.Length - 1] = 'Z'B
            || text.Slice(dateLength).IndexOfAny('+'B, '-'B) >= 0)

    /// Upper case and with a T, as RFC 3339 lets people choose.
    let private normal (text: string) =
        let upper = text.Trim().ToUpperInvariant()

        if upper.Length > dateLength && upper[dateLength] = ' ' then
            upper.Remove(dateLength, 1).Insert(dateLength, "T")
        else
            upper

    /// The moment in UTC. Here is time for what is seldom written: lower case, a space for the T.
    let read (text: string) =
        let bytes = Encoding.UTF8.GetBytes(normal text)
        let quoted = Array.concat [ "\""B; bytes; "\""B ]

        try
            let mutable reader = Utf8JsonReader(ReadOnlySpan quoted)
            let mutable time = DateTimeOffset.MinValue

            if not (reader.Read()) || not (reader.TryGetDateTimeOffset(&time)) then
                Error expected
            elif hasOffset (ReadOnlySpan bytes) then
                Ok(time.ToUniversalTime())
            else
                Error "it has no offset from UTC; expected one at its end, such as Z or +01:00"
        with :? JsonException ->
            Error expected
