namespace OnlinePolicyAdaptation.Scenarios

/// One thing that is wrong in a scenario file.
type ScenarioFault =
    {
        /// Where, such as `controller.estimation.trees`; empty for the file as a whole.
        Path: string
        /// What is there; empty where something is missing.
        Found: string
        /// What should be there, or what to do.
        Expected: string
    }

[<RequireQualifiedAccess>]
module ScenarioFault =

    let at path found expected =
        {
            Path = path
            Found = found
            Expected = expected
        }

    /// A fault that needs a sentence of its own.
    let because path sentence = at path "" sentence

    /// The fault without its line.
    let describe fault =
        match fault.Path, fault.Found with
        | "", "" -> fault.Expected
        | "", found -> $"{found}; expected {fault.Expected}"
        | path, "" -> $"{path}: {fault.Expected}"
        | path, found -> $"{path}: {found}; expected {fault.Expected}"

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

    /// Names that are listed in full before the rest is left out.
    let private mostListed = 24

    let listed (known: string seq) =
        let known = List.ofSeq known
        let shown = known |> List.truncate mostListed |> String.concat ", "

        if known.Length > mostListed then
            $"{shown}, .. ({known.Length} in all)"
        else
            shown

    /// A name that is none of the known ones.
    let unknown path kind (known: string seq) name =
        let hint =
            nearest known name
            |> Option.map (fun other -> $" (did you mean '{other}'?)")
            |> Option.defaultValue ""

        at path $"'{name}' is no {kind}{hint}" $"one of {listed known}"
