/// The kinds of trouble that the words of decisions tell of.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.TroubleKind

/// How the words of `DecisionJson.error` begin or end, by kind.
let private marks: (string * (string -> bool)) list =
    [
        "nothing answered", _.EndsWith(" answered nothing: nothing is learned of it")
        "requests lost", _.EndsWith(" of its requests: it misses its objective")
        "outage", _.EndsWith(" s, though requests are offered")
        "unusable metrics", _.StartsWith("unusable metrics: ")
        "settling", _.StartsWith("the configuration has just changed: ")
        "too few samples", _.Contains(" are needed for a model: ")
        "unusable model", _.StartsWith("the model cannot be planned with: ")
        "fault of the program", _.Contains(" has failed, a fault of the program: ")
    ]

/// The kind of these words; words that none of them begins or ends with are of a kind of their own.
let ofWords (words: string) =
    marks
    |> List.tryFind (fun (_, isMarked) -> isMarked words)
    |> Option.map fst
    |> Option.defaultValue "other"
