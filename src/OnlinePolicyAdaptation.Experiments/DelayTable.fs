/// Response times listed in a CSV file, for every configuration of a grid: columns `state` (the number of the
/// configuration), the controls by their names, `d1`, `d2`, .. in seconds. Rows stand in any order; further columns are
/// ignored.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.DelayTable

open System
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Network

/// A plain number has the scale of a fraction.
let private plain = "fraction"

let private readRows (path: string) (grid: ControlGrid) services =
    let columns = TraceColumns.Testbed(grid, services)
    let count = grid.ConfigurationCount
    use file = TraceFile.Open path
    let stateField = file.Field(TraceColumn("state", plain), float (count - 1))
    let controlFields = columns.Controls |> Seq.map file.Field |> Seq.toArray

    let timeFields =
        columns.Services |> Seq.map (_.MeanResponseTime >> file.Field) |> Seq.toArray

    let lines = Array.zeroCreate<int> count
    let seconds = Array.zeroCreate<float>(count * services)

    while file.Read() do
        let number = stateField.Number()
        let state = int number

        if float state <> number then
            raise (stateField.Unexpected "a whole number")

        if lines[state] > 0 then
            raise (stateField.Unexpected $"new: the state is already in line {lines[state]}")

        lines[state] <- file.Line
        let expected = grid.Values(grid.ConfigurationAt state)

        for control in 0 .. controlFields.Length - 1 do
            if abs (controlFields[control].Number() - expected[control]) > 1e-6 then
                raise (controlFields[control].Unexpected $"{expected[control]}, its value in state {state}")

        for service in 0 .. services - 1 do
            seconds[state * services + service] <- timeFields[service].Number()

    match Array.IndexOf(lines, 0) with
    | -1 -> Ok(ResponseTimeTable(grid, services, ReadOnlySpan seconds))
    | missing ->
        Error
            $"{path}: column state: {missing} ({grid.Describe(grid.ConfigurationAt missing)}) is missing; expected every state from 0 to {count - 1} once"

/// The table of a file, or what is wrong with it: file, line, column, value, what was expected.
let read path grid services =
    try
        readRows path grid services
    with :? BadInputException as e ->
        Error e.Message
