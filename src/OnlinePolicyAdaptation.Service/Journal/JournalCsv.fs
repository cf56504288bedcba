/// A journal as CSV: one row per cycle, its columns documented in SCHEMA.md. The columns of controls and metrics are those of
/// recorded traces, so that other commands can read them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.JournalCsv

open System
open System.Data
open System.IO
open OnlinePolicyAdaptation.Domain.Network
open Sylvan.Data.Csv
open OnlinePolicyAdaptation.ControlCycle

/// Rows that are in memory at once.
let private atOnce = 10_000

let private columns (system: SystemDescription) =
    let controls = [ for control in system.Grid.Controls -> control.Name ]
    let services = [ 1 .. system.Topology.Services.Count ]

    [
        "cycle", typeof<int>
        "time", typeof<string>
        for name in controls do
            name, typeof<float>
        for service in services do
            $"l{service}", typeof<float>
            $"cl{service}", typeof<float>
            $"d{service}", typeof<float>
        "mode", typeof<string>
        "by", typeof<string>
        for name in controls do
            $"move_{name}", typeof<int>
        for name in controls do
            $"base_move_{name}", typeof<int>
        "q_factor", typeof<float>
        "base_q_factor", typeof<float>
        "reward", typeof<float>
        "error", typeof<float>
        "model_version", typeof<int>
        "change", typeof<string>
        "guard", typeof<string>
        "errors", typeof<string>
    ]

let private optional (value: 'a option) : objnull =
    match value with
    | Some value -> box value
    | None -> DBNull.Value

let private cells (system: SystemDescription) (row: JournalRow) : objnull[] =
    [|
        row.Cycle
        row.Interval.Time.UtcDateTime.ToString "O"
        for i, control in Seq.indexed system.Grid.Controls do
            control.Value row.Interval.Configuration.Levels[i]
        for service in row.Interval.Services do
            service.OfferedLoad.PerSecond
            service.CarriedLoad.PerSecond

            if service.MeanResponseTime.HasValue then
                service.MeanResponseTime.Value.Seconds
            else
                0.0
        row.Mode
        row.By
        for move in row.Action do
            move
        for move in row.BaseAction do
            move
        optional row.QFactor
        optional row.BaseQFactor
        optional row.Reward
        optional row.Error
        optional row.ModelVersion
        optional row.Change
        String.concat "; " row.Rules
        String.concat "; " row.Errors
    |]

/// Writes all rows under a header.
let write (system: SystemDescription) (rows: JournalRow seq) (text: TextWriter) =
    let columns = columns system
    let mutable isFirst = true

    for chunk in Seq.append (rows |> Seq.chunkBySize atOnce) [ [||] ] do
        if isFirst || chunk.Length > 0 then
            use table = new DataTable()

            for name, kind in columns do
                table.Columns.Add(name, kind) |> ignore

            for row in chunk do
                table.Rows.Add(cells system row) |> ignore

            use reader = table.CreateDataReader()

            use writer =
                CsvDataWriter.Create(text, CsvDataWriterOptions(WriteHeaders = isFirst, NewLine = "\n"))

            writer.Write reader |> ignore
            isFirst <- false
