/// results.csv: every cycle of an experiment, one row per contender, seed and cycle.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.CycleFile

open OnlinePolicyAdaptation.Scenarios
open System
open System.Data
open System.Globalization
open System.IO
open Sylvan.Data.Csv
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Csv
open OnlinePolicyAdaptation.ControlCycle

/// With several services the columns of one end in `_1`, `_2`, ..
let private perService (settings: RunSettings) name =
    match settings.Services with
    | [ _ ] -> [ name ]
    | services -> [ for i in 1 .. services.Length -> $"{name}_{i}" ]

/// What tells rows apart.
let private keyColumns =
    [
        "contender", typeof<string>
        "base_policy", typeof<string>
        "planner", typeof<string>
        "lookahead", typeof<int>
        "seed", typeof<int>
        "cycle", typeof<int>
        "phase", typeof<string>
    ]

/// The measured columns, all of numbers.
let private numberColumns (settings: RunSettings) =
    [
        yield! perService settings "arrival_rate"
        for service in 1 .. settings.Services.Length do
            $"l{service}"
        for control in settings.Controls do
            control.Name
        yield! perService settings "response_time"
        "reward"
        "expected_reward"
        "slo_excess"
        "cpu_cores"
        yield! perService settings "predicted_response_time"
        "change_since"
        "decision_seconds"
    ]

let private numbers (c: CycleResult) =
    [
        for rate in c.ArrivalRates do
            ValueSome rate
        for load in c.OfferedLoads do
            ValueSome load
        for value in c.Controls do
            ValueSome value
        yield! c.ResponseTimes
        c.Reward
        c.ExpectedReward
        ValueSome c.SloExcess
        c.CpuCores
        yield! c.PredictedResponseTimes
        c.ChangeSince |> ValueOption.map float
        ValueSome c.DecisionSeconds
    ]

let private table (results: ExperimentResults) =
    let settings = results.Outcome.Settings
    let empty = box DBNull.Value
    let table = new DataTable()

    for name, kind in keyColumns do
        table.Columns.Add(name, kind) |> ignore

    for name in numberColumns settings do
        table.Columns.Add(name, typeof<float>) |> ignore

    for c in results.Cycles do
        let planner, lookahead =
            match c.Contender.Planner with
            | Planner.BasePolicy -> "none", empty
            | Planner.Rollout horizon -> "joint", box horizon
            | Planner.MultiagentRollout horizon -> "multiagent", box horizon

        let row =
            [|
                box c.Contender.Name
                settings.BasePolicyOf c.Contender |> Option.map box |> Option.defaultValue empty
                box planner
                lookahead
                box c.Seed
                box c.Cycle
                box c.Phase.Name
                for number in numbers c do
                    match number with
                    | ValueSome value -> box value
                    | ValueNone -> empty
            |]

        table.Rows.Add row |> ignore

    table

let write (results: ExperimentResults) (text: TextWriter) =
    use table = table results
    use writer = CsvDataWriter.Create text
    use reader = table.CreateDataReader()
    writer.Write reader |> ignore

/// The cell of a row, by column; what is wrong with it names the place.
let private cell (csv: CsvFile) column read expected =
    match read (csv.Cell column) with
    | Some value -> value
    | None -> raise (csv.Unexpected(column, expected))

let private wholeNumber (text: string) =
    match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
    | true, number -> Some number
    | _ -> None

let private number (text: string) =
    match Numbers.parse text with
    | Some number -> Some(ValueSome number)
    | None when text = "" -> Some ValueNone
    | None -> None

let private phase text =
    [ Phase.Before; Phase.After; Phase.All ]
    |> List.tryFind (fun phase -> phase.Name = text)

let private readRow (settings: RunSettings) contenders (csv: CsvFile) =
    let services = settings.Services.Length
    let first = keyColumns.Length

    let numbers =
        Array.init (csv.Header.Count - first) (fun i -> cell csv (first + i) number "a number")

    let mutable next = 0

    let take count =
        next <- next + count
        numbers[next - count .. next - 1]

    /// Of a column that has a value in every row.
    let known count =
        let begin' = next

        take count
        |> Array.mapi (fun i value ->
            match value with
            | ValueSome number -> number
            | ValueNone -> cell csv (first + begin' + i) (fun _ -> None) "a number")

    let one () = (take 1)[0]

    {
        Contender = cell csv 0 (fun name -> contenders |> Map.tryFind name) "a contender that results.json names"
        Seed = cell csv 4 wholeNumber "a whole number"
        Cycle = cell csv 5 wholeNumber "a whole number"
        Phase = cell csv 6 phase "before, after or all"
        ArrivalRates = known services
        OfferedLoads = known services
        Controls = known settings.Controls.Length
        ResponseTimes = take services
        Reward = one ()
        ExpectedReward = one ()
        SloExcess = (known 1)[0]
        CpuCores = one ()
        PredictedResponseTimes = take services
        ChangeSince = one () |> ValueOption.map int
        DecisionSeconds = (known 1)[0]
    }

/// The rows of a file, which belong to this outcome.
let read (path: string) (outcome: ExperimentOutcome) =
    try
        use csv = CsvFile.Open(path, "the cycles of an experiment, as opar run writes them")

        let expected = List.map fst keyColumns @ numberColumns outcome.Settings

        let contenders =
            Map.ofList [ for contender in outcome.Contenders -> contender.Name, contender ]

        if List.ofSeq csv.Header <> expected then
            let columns = String.concat "," expected
            Error $"{path}:{csv.HeaderLine}: other columns than results.json asks for; expected {columns}"
        else
            let rows =
                [|
                    while csv.Read() do
                        readRow outcome.Settings contenders csv
                |]

            let count =
                outcome.Contenders.Length * outcome.Settings.Seeds * outcome.Settings.Cycles

            if rows.Length = count then
                Ok rows
            else
                Error $"{path}: {rows.Length} rows; expected {count}, one per contender, seed and cycle of results.json"
    with :? BadInputException as e ->
        Error e.Message
