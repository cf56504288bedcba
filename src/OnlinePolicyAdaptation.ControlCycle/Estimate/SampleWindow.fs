namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// A measurement as it is remembered.
type WeightedSample =
    {
        /// When it was taken; below 0 before the controller started.
        Cycle: int
        /// Mean response time of every service; NaN: not measured. Of a system that has changed since, as it would be thought to be now.
        Seconds: float[]
        /// What it counts, from 0 to 1. Never grows.
        Weight: float
        /// The logarithms of the factors that nodes are thought to have had then; of the nodes that the configuration does
        /// not use, 0. None: all as in the reference system.
        NodeLogs: float[]
    }

/// All that is remembered of one configuration under one load.
type Cell =
    {
        Configuration: Configuration
        OfferedLoads: EquatableArray<RequestRate>
        /// Newest first.
        Samples: WeightedSample list
        /// Mean logarithm of every service's response time before the last change; none where nothing was measured.
        Reference: float[] voption
    }

/// The samples a model is fitted to, by configuration and quantised load.
type SampleWindow =
    private
        {
            cells: Map<float list, Cell>
            /// The first cycle that is thought to have measured the system as it is.
            since: int
        }

    /// In an order that does not depend on that of the samples.
    member this.Cells = this.cells.Values

    member this.Since = this.since

    /// Whether the system was seen to change.
    member this.HasChanged = this.since > Int32.MinValue

[<RequireQualifiedAccess>]
module SampleWindow =

    let empty =
        {
            cells = Map.empty
            since = Int32.MinValue
        }

    /// Each load as a multiple of the load step; what is offered at all is at least one step.
    let quantised settings (loads: EquatableArray<RequestRate>) : EquatableArray<RequestRate> =
        loads
        |> Seq.map (fun load ->
            let least = if load.PerSecond > 0.0 then 1.0 else 0.0
            let steps = Math.Round(load.PerSecond / settings.LoadStep)
            RequestRate(settings.LoadStep * max least steps))
        |> EquatableArray.ToEquatableArray

    /// Where a cell of a configuration and a load that is quantised is kept.
    let place (configuration: Configuration) (loads: EquatableArray<RequestRate>) =
        [
            for level in configuration.Levels do
                float level
            for load in loads do
                load.PerSecond
        ]

    /// The cell of a configuration under a load that is already quantised.
    let tryCell configuration loads window =
        match window.cells.TryFind(place configuration loads) with
        | Some cell -> ValueSome cell
        | None -> ValueNone

    /// The cell's samples of the system as it is.
    let current window cell =
        cell.Samples |> List.takeWhile (fun sample -> sample.Cycle >= window.since)

    /// Forgets what was measured before a cycle.
    let private withoutOlder cycle (cells: Map<float list, Cell>) =
        cells
        |> Map.map (fun _ cell ->
            { cell with
                Samples = cell.Samples |> List.takeWhile (fun sample -> sample.Cycle >= cycle)
            })
        |> Map.filter (fun _ cell -> not cell.Samples.IsEmpty)

    /// The window of what was measured before a cycle; a change since then is one since that cycle.
    let before cycle window =
        {
            cells =
                window.cells
                |> Map.map (fun _ cell ->
                    { cell with
                        Samples = cell.Samples |> List.filter (fun sample -> sample.Cycle < cycle)
                    })
                |> Map.filter (fun _ cell -> not cell.Samples.IsEmpty)
            since = min cycle window.since
        }

    /// Nodes within this of their factor in the reference system, in logarithms, are as there.
    let private referenceDistance = 0.1

    /// Whether a sample was taken with the nodes as in the reference system.
    let isReference (sample: WeightedSample) =
        sample.NodeLogs |> Array.forall (fun log -> abs log < referenceDistance)

    /// The newest so many; seen through factors, as many of the reference system and of others.
    let private newest forgetting keep (samples: WeightedSample list) =
        match forgetting with
        | Forgetting.ByFactors _ when samples.Length > keep ->
            let reference, others = List.partition isReference samples

            (List.truncate keep reference @ List.truncate keep others)
            |> List.sortByDescending _.Cycle
        | _ -> List.truncate keep samples

    /// Adds the sample of a cycle, taken under these factors of the nodes, its loads quantised, and forgets by count.
    let addUnder nodeLogs settings cycle (sample: Sample) window =
        let loads = quantised settings sample.OfferedLoads
        let place = place sample.Configuration loads

        let added =
            {
                Cycle = cycle
                Seconds = sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray
                Weight = 1.0
                NodeLogs = nodeLogs
            }

        let cell =
            window.cells.TryFind place
            |> Option.defaultValue
                {
                    Configuration = sample.Configuration
                    OfferedLoads = loads
                    Samples = []
                    Reference = ValueNone
                }

        let keep =
            match settings.Forgetting with
            | Forgetting.Never
            | Forgetting.Window _ -> Int32.MaxValue
            | Forgetting.PerConfiguration samples
            | Forgetting.ByFactors samples
            | Forgetting.ByRelevance samples -> samples

        let cells =
            window.cells
            |> Map.add
                place
                { cell with
                    Samples = newest settings.Forgetting keep (added :: cell.Samples)
                }

        { window with
            cells =
                match settings.Forgetting with
                | Forgetting.Window samples -> withoutOlder (cycle - samples + 1) cells
                | _ -> cells
        }

    /// Adds the sample of a cycle, its loads quantised, and forgets by count.
    let add settings cycle sample window =
        addUnder [||] settings cycle sample window

    let count window =
        window.cells |> Map.fold (fun total _ cell -> total + cell.Samples.Length) 0

    /// The window with a cell of it replaced.
    let replace cell window =
        { window with
            cells = window.cells |> Map.add (place cell.Configuration cell.OfferedLoads) cell
        }

    /// The system is another one since a cycle, and every cell is what becomes of it.
    let renew since (renewed: Cell -> Cell) window =
        {
            cells = window.cells |> Map.map (fun _ cell -> renewed cell)
            since = since
        }

    /// The window of cells that measure the system as it is since a cycle. A place that occurs twice keeps its last cell.
    let ofCells since (cells: Cell list) =
        {
            cells = Map.ofList [ for cell in cells -> place cell.Configuration cell.OfferedLoads, cell ]
            since = since
        }
