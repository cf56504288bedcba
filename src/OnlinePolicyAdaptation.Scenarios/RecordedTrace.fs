namespace OnlinePolicyAdaptation.Scenarios

open OnlinePolicyAdaptation.Scenarios.Sections
open System.IO
open FsToolkit.ErrorHandling
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// A recorded trace of the system, not yet read.
type RecordedTrace = { Path: string; Columns: TraceColumns }

[<RequireQualifiedAccess>]
module internal RecordedTrace =

    /// What the columns of a trace mean.
    let columns path (grid: ControlGrid) services (section: ColumnsSection option) : Check.Checked<TraceColumns> =
        let column (c: ColumnSection) = TraceColumn(c.Column, c.Unit)

        let all (cs: ColumnSection seq) =
            cs |> Seq.map column |> EquatableArray.ToEquatableArray

        let statistics (s: StatisticsColumnsSection) =
            StatisticsColumns(
                column s.StandardDeviation,
                column s.P90,
                column s.P99,
                all s.NodeMeans,
                all s.NodeStandardDeviations,
                column s.Dropped
            )

        let service (s: ServiceColumnsSection) =
            ServiceColumns(
                column s.OfferedLoad,
                column s.CarriedLoad,
                column s.MeanResponseTime,
                LoadLevel = (s.LoadLevel |> Option.map column |> Option.toObj),
                Statistics = (s.Statistics |> Option.map statistics |> Option.toObj)
            )

        match section with
        | None -> Ok(TraceColumns.Testbed(grid, services))
        | Some declared ->
            let isUnit place (c: ColumnSection) =
                Check.require
                    $"{place}.unit"
                    $"'{c.Unit}'"
                    "req/s, s, ms, cores, millicores, fraction or %, with a factor before it or none"
                    (column c).Scale.HasValue

            validation {
                let! _ =
                    Check.count $"{path}.controls" grid.Controls.Count declared.Controls "one per control"

                and! _ = Check.count $"{path}.services" services declared.Services "one per service"

                and! _ =
                    declared.Controls
                    |> Seq.mapi (fun i -> isUnit $"{path}.controls[{i}]")
                    |> Check.units

                and! _ =
                    match declared.Time with
                    | Some time when not (column time).IsTime ->
                        Check.require
                            $"{path}.time.unit"
                            $"'{time.Unit}'"
                            "ISO 8601, or s, ms, us or ns since 1970"
                            false
                    | _ -> Ok()

                and! _ =
                    declared.Services
                    |> Seq.mapi (fun i s ->
                        [
                            isUnit $"{path}.services[{i}].offeredLoad" s.OfferedLoad
                            isUnit $"{path}.services[{i}].carriedLoad" s.CarriedLoad
                            isUnit $"{path}.services[{i}].meanResponseTime" s.MeanResponseTime
                        ])
                    |> Seq.concat
                    |> Check.units

                return
                    TraceColumns(
                        all declared.Controls,
                        declared.Services |> Seq.map service |> EquatableArray.ToEquatableArray,
                        Time = (declared.Time |> Option.map column |> Option.toObj)
                    )
            }

    /// What a scenario file in `directory` says at `path` of a trace.
    let build (directory: string) path grid services trace (section: ColumnsSection option) =
        columns $"{path}.columns" grid services section
        |> Result.map (fun columns ->
            {
                Path = Path.Combine(directory, trace)
                Columns = columns
            })
