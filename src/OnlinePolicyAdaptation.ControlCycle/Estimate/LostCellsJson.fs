namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels

type LostServiceJson =
    {
        Share: float
        Seconds: float
        Since: int
    }

type LostCellJson =
    {
        Levels: int[]
        OfferedLoads: float[]
        Services: LostServiceJson[]
    }

type LostRunJson = { Service: int; First: int; Last: int }

/// Where requests are lost, in the file of an estimator.
type LostCellsJson =
    {
        Cells: LostCellJson[]
        Runs: LostRunJson[]
    }

[<RequireQualifiedAccess>]
module LostCellsJson =

    let private cellJson (cell: LostCell) : LostCellJson =
        {
            Levels = Seq.toArray cell.Configuration.Levels
            OfferedLoads = [| for load in cell.OfferedLoads -> load.PerSecond |]
            Services =
                [|
                    for service in cell.Services ->
                        {
                            Share = service.Share
                            Seconds = service.Seconds
                            Since = service.Since
                        }
                |]
        }

    let ofCells lost =
        {
            Cells = [| for cell in LostCells.cells lost -> cellJson cell |]
            Runs =
                [|
                    for struct (service, first, last) in LostCells.runs lost ->
                        {
                            Service = service
                            First = first
                            Last = last
                        }
                |]
        }

    /// An entry of an array, which JSON lets be null.
    let private isMissing (entry: 'a) = isNull (box entry)

    let private isService next (service: LostServiceJson) =
        not (isMissing service)
        && service.Share >= 0.0
        && service.Share <= 1.0
        && Double.IsFinite service.Seconds
        && service.Seconds >= 0.0
        && service.Since < next

    let private configuration (cell: LostCellJson) =
        Configuration(EquatableArray.ToEquatableArray cell.Levels)

    let private isCell (layout: FeatureLayout) next (cell: LostCellJson) =
        not (isMissing cell)
        && layout.Grid.Contains(configuration cell)
        && cell.OfferedLoads.Length = layout.Services
        && Array.forall Double.IsFinite cell.OfferedLoads
        && cell.Services.Length = layout.Services
        && Array.forall (isService next) cell.Services

    let private isRun services next (run: LostRunJson) =
        not (isMissing run)
        && run.Service >= 0
        && run.Service < services
        && run.First <= run.Last
        && run.Last < next

    let private cell (cell: LostCellJson) : LostCell =
        {
            Configuration = configuration cell
            OfferedLoads = EquatableArray.ToEquatableArray(cell.OfferedLoads |> Seq.map RequestRate)
            Services =
                [|
                    for service in cell.Services ->
                        {
                            Share = service.Share
                            Seconds = service.Seconds
                            Since = service.Since
                        }
                |]
        }

    /// `next`: the number of the next cycle.
    let toCells (layout: FeatureLayout) next (json: LostCellsJson) =
        match json.Cells |> Array.tryFindIndex (isCell layout next >> not) with
        | Some index ->
            Error
                $"lost.cells[{index}]: expected levels of the controls, and for each of {layout.Services} services a load, a share from 0 to 1, seconds and a cycle before {next}"
        | None when not (Array.forall (isRun layout.Services next) json.Runs) ->
            Error $"lost.runs: expected services from 0 to {layout.Services - 1}, and cycles before {next}"
        | None ->
            Ok(
                LostCells.ofCells
                    (Seq.map cell json.Cells)
                    [ for run in json.Runs -> struct (run.Service, run.First, run.Last) ]
            )
