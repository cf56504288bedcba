/// Checks that collect all faults: a value, or what is wrong with it.
[<RequireQualifiedAccess>]
module internal OnlinePolicyAdaptation.Scenarios.Check

open System
open FsToolkit.ErrorHandling

type Checked<'value> = Validation<'value, ScenarioFault>

let fail fault : Checked<'value> = Error [ fault ]

let require path found expected holds : Checked<unit> =
    if holds then
        Ok()
    else
        fail (ScenarioFault.at path found expected)

/// Builds something of the domain, whose constructor checks its arguments.
let at path build : Checked<'value> =
    try
        Ok(build ())
    with :? ArgumentException as e ->
        fail (ScenarioFault.because path (e.Message.Split(" (Parameter")[0]))

/// Every one of them, or all faults of all of them.
let all (checks: Checked<'value> seq) : Checked<'value list> =
    checks |> List.ofSeq |> List.sequenceValidationA

/// The same for checks that come to nothing but their faults.
let units (checks: Checked<unit> seq) : Checked<unit> = all checks |> Result.map ignore

/// As many as there have to be.
let count path expected (items: 'item[]) what =
    require path $"{items.Length} entries" $"{expected}, {what}" (items.Length = expected)

/// A faulty part that is said elsewhere.
let silent (result: Result<'value, ScenarioFault list>) : Checked<'value> = result |> Result.mapError (fun _ -> [])

/// The index of a name among those known.
let index path kind (known: string seq) name : Checked<int> =
    match known |> Seq.tryFindIndex ((=) name) with
    | Some index -> Ok index
    | None -> fail (ScenarioFault.unknown path kind known name)

/// A length of time. What is out of every range is said by the schema, and becomes the nearest in range.
let seconds value =
    TimeSpan.FromSeconds(value |> max 0.0 |> min 1e9)

/// An error for every name that stands twice.
let distinct path kind (names: string seq) =
    names
    |> Seq.countBy id
    |> Seq.filter (fun (_, times) -> times > 1)
    |> Seq.map (fun (name, times) ->
        fail (ScenarioFault.at path $"{times} {kind}s with the same name {name}" $"each {kind} once"))
    |> units
