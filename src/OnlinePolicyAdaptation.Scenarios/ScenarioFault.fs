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
            Spelling.nearest known name
            |> Option.map (fun other -> $" (did you mean '{other}'?)")
            |> Option.defaultValue ""

        at path $"'{name}' is no {kind}{hint}" $"one of {listed known}"
