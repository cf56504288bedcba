/// Names that somebody may have meant.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.Spelling

/// How many letters have to be changed, put in or left out to make one word of another.
let private distance (a: string) (b: string) =
    let first = [| 0 .. b.Length |]

    let last =
        (first, a)
        ||> Seq.fold (fun above letter ->
            let row = Array.create (b.Length + 1) (above[0] + 1)

            for j in 1 .. b.Length do
                let same = if b[j - 1] = letter then 0 else 1
                row[j] <- min (above[j - 1] + same) (1 + min above[j] row[j - 1])

            row)

    last[b.Length]

/// The known name that is nearest to one, where it may have been meant.
let nearest (known: string seq) (name: string) =
    let name = name[..79]

    known
    |> Seq.map (fun other -> other, distance (name.ToLowerInvariant()) (other.ToLowerInvariant()))
    |> Seq.filter (fun (_, distance) -> distance <= max 2 (name.Length / 3))
    |> Seq.sortBy snd
    |> Seq.tryHead
    |> Option.map fst
