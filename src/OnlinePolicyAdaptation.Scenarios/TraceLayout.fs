/// Which controls and services a trace is about, read off its columns: for who has a trace and no scenario yet.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.TraceLayout

open System
open System.Text.RegularExpressions
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The control that a column's name stands for, as on the KTH testbed: c2 is the cores of node 2, p12 the share of service
/// 1 that goes to node 2. Its b1 is left out: it is a limit, of which a trace does not tell what share it refuses.
let private target name : ControlTarget voption =
    let digit (m: Match) (group: int) = int m.Groups[group].Value - 1
    let cores = Regex.Match(name, "^c([1-9])$")
    let weight = Regex.Match(name, "^p([1-9])([1-9])$")

    if cores.Success then
        ValueSome(ControlTarget.CpuCores(EquatableArray.ToEquatableArray [ digit cores 1 ]))
    elif weight.Success then
        ValueSome(ControlTarget.RoutingWeight(digit weight 1, digit weight 2))
    else
        ValueNone

/// The distinct values of some columns of a trace.
let private distinctValues names (path: string) =
    use file = TraceFile.Open path

    let fields =
        names
        |> List.map (fun name -> name, file.Field(TraceColumn(name, "fraction")), Collections.Generic.HashSet<float>())

    let mutable rows = 0

    while file.Read() do
        rows <- rows + 1

        for _, field, values in fields do
            values.Add(field.Number()) |> ignore

    if rows = 0 then
        raise (BadInputException $"{path}: a header and no row; expected one row per interval")

    fields
    |> List.map (fun (name, _, values) -> name, Set.ofSeq values)
    |> Map.ofList

/// Values that are told apart by less than this are the same value, written differently.
let private tolerance = 1e-6

/// The control whose grid holds these values.
let private control name target (values: Set<float>) =
    let sorted = Set.toArray values
    let lowest, highest = sorted[0], Array.last sorted

    let step =
        sorted
        |> Array.pairwise
        |> Array.map (fun (a, b) -> b - a)
        |> Array.filter (fun gap -> gap > tolerance)
        |> Array.min

    let control =
        Control(name, target, lowest, highest, 1 + int (Math.Round((highest - lowest) / step)))

    match sorted |> Array.tryFind (fun value -> not (control.Level(value).HasValue)) with
    | None -> Ok control
    | Some value ->
        Error
            $"column {name}: its values lie on no even grid: {value} is not a multiple of {step} from {lowest}; expected --scenario with the control's levels"

/// Grid and columns of some traces of one system. A column that never varies is no control.
let infer (paths: string list) =
    let line, names =
        use file = TraceFile.Open paths.Head
        file.HeaderLine, List.ofSeq file.Header

    let services =
        names |> Seq.filter (fun name -> Regex.IsMatch(name, "^d[1-9]$")) |> Seq.length

    let targets =
        names
        |> List.choose (fun name ->
            match target name with
            | ValueSome target -> Some(name, target)
            | ValueNone -> None)

    let values =
        paths
        |> List.map (distinctValues (List.map fst targets))
        |> List.reduce (fun a b -> a |> Map.map (fun name values -> Set.union values b[name]))

    let varying =
        targets
        |> List.filter (fun (name, _) ->
            not values[name].IsEmpty
            && values[name].MaximumElement - values[name].MinimumElement > tolerance)

    if services = 0 || varying.IsEmpty then
        let header = Excerpt.Of(String.concat ", " names, 1000)

        Error
            $"{paths.Head}:{line}: no control that varies (c1, p11, ..) or no response time (d1, ..); the header has {header}; expected --scenario with the trace's columns"
    else
        (varying, Ok [])
        ||> List.foldBack (fun (name, target) found ->
            match control name target values[name], found with
            | Ok control, Ok controls -> Ok(control :: controls)
            | Error message, _ -> Error $"{paths.Head}: {message}"
            | _, error -> error)
        |> Result.map (fun controls ->
            let grid = ControlGrid(EquatableArray.ToEquatableArray controls)
            grid, TraceColumns.Testbed(grid, services))
