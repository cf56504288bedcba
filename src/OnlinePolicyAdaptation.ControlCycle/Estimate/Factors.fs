/// What the samples tell once they are seen through the factors that the nodes had at their time. Samples are never rewritten:
/// each keeps the factors it was taken under, and the same factors give the same knowledge back.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Factors

open System
open System.Collections.Generic
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// Medians that differ by more are thought to be different factors.
let private otherFactor = 0.1

/// Samples taken under factors that make nearly the same of a configuration count as one measurement: this far apart.
let private sameRatio = 0.1

/// The newest samples of such a group, whose median counts.
let private newest = 9

/// Samples that may have been taken under the factors that an interval has made known: in so many cycles before it.
let private lag = 4

/// The factors that a sample of a configuration is kept with: those of the nodes that it uses.
let nodeLogs (surface: ResponseSurface) (filter: NodeFactorFilter) configuration =
    let logs = Array.zeroCreate<float> filter.Nodes

    for service in 0 .. surface.Layout.Services - 1 do
        let shares = surface.Shares(configuration, service)

        for node in 0 .. logs.Length - 1 do
            if shares[node] >= NodeFactorFilter.LeastShare then
                logs[node] <- filter.Median node

    if logs |> Array.forall (fun log -> log = 0.0) then
        [||]
    else
        logs

/// The rows of the forest: of a configuration that was measured in the reference system those, else all of them with their
/// factors divided out.
let surfaceRows (layout: FeatureLayout) (cell: Cell) : (WeightedSample * float[]) list =
    match cell.Samples |> List.filter SampleWindow.isReference with
    | [] ->
        let shares = Array.zeroCreate<float>(max 1 layout.Grid.Nodes)

        let factors (sample: WeightedSample) =
            Array.init layout.Services (fun service ->
                RoutingShares(layout.Grid, service, shares.Length).Write(cell.Configuration, Span shares)
                Array.fold2 (fun sum share log -> sum + share * exp log) 0.0 shares sample.NodeLogs)

        [
            for sample in cell.Samples -> sample, Array.map2 (/) sample.Seconds (factors sample)
        ]
    | reference -> [ for sample in reference -> sample, sample.Seconds ]

let private residual (curves: SurfaceCurves) place service (shares: float[]) (sample: WeightedSample) =
    let ratio =
        curves.LogRatio(place, service, ReadOnlySpan shares, ReadOnlySpan sample.NodeLogs)

    struct (ratio,
            CellStatistics.logarithm sample.Seconds[service]
            - curves.Reference(place, service)
            - ratio)

/// What one cell tells of a service: its anchors, and of its largest group the residuals around their median with their
/// cycles, newest first. Nothing where requests of it are lost: that stands in the surface itself.
let private anchors (curves: SurfaceCurves) place service (shares: float[]) lost (cell: Cell) =
    let groups =
        match LostCells.tryFind cell.Configuration cell.OfferedLoads service lost with
        | ValueSome _ -> []
        | ValueNone -> CellStatistics.measured cell.Samples service
        |> List.map (fun sample ->
            let struct (ratio, residual) = residual curves place service shares sample
            struct (ratio, residual, sample.Cycle))
        |> List.groupBy (fun (struct (ratio, _, _)) -> Math.Round(ratio / sameRatio))

    let median (values: struct (float * float * int) seq) pick =
        ResidualNoise.Median(Span(values |> Seq.map pick |> Seq.toArray))

    let anchors =
        [|
            for _, group in groups ->
                let counted = List.truncate newest group

                LawAnchor(
                    median counted (fun (struct (ratio, _, _)) -> ratio),
                    median counted (fun (struct (_, residual, _)) -> residual),
                    float counted.Length
                )
        |]

    if groups.IsEmpty then
        struct (anchors, [])
    else
        let _, largest = groups |> List.maxBy (fun (_, group) -> group.Length)
        let middle = median largest (fun (struct (_, residual, _)) -> residual)

        struct (anchors,
                [
                    for struct (_, residual, cycle) in largest -> struct (cycle, residual - middle)
                ])

/// The surface of a forest that was fitted to the window.
let surface (layout: FeatureLayout) (forest: RandomForest) (window: SampleWindow) =
    let loads =
        window.Cells
        |> Seq.map (fun cell -> [ for load in cell.OfferedLoads -> load.PerSecond ])
        |> Seq.distinct
        |> Seq.map List.toArray

    ResponseSurface(forest, layout, loads)

/// The response times of the system as it is thought to be now.
let responseTimes (layout: FeatureLayout) forest (window: SampleWindow) lost (filter: NodeFactorFilter) =
    let surface = surface layout forest window
    let services = layout.Services

    let known =
        [|
            for loads, cells in window.Cells |> Seq.groupBy _.OfferedLoads do
                let cells = Seq.toArray cells

                let curves =
                    surface.Curves(ReadOnlySpan(cells |> Array.map _.Configuration), loads.AsSpan())

                for place, cell in Array.indexed cells ->
                    cell,
                    Array.init services (fun service ->
                        anchors curves place service (surface.Shares(cell.Configuration, service)) lost cell)
        |]

    let noise =
        Array.init services (fun service ->
            ResidualNoise.Calibrate
                [|
                    for _, ofService in known ->
                        let struct (_, residuals) = ofService[service]
                        residuals |> List.rev |> List.toArray
                |])

    let cells =
        Dictionary<struct (Configuration * EquatableArray<RequestRate>), CellKnowledge>()

    for cell, ofService in known do
        cells[struct (cell.Configuration, cell.OfferedLoads)] <-
            CellKnowledge(
                ofService |> Array.map (fun (struct (anchors, _)) -> anchors),
                ofService
                |> Array.mapi (fun service (struct (_, residuals)) ->
                    ResidualNoise.DeviationOf(
                        Span(residuals |> List.map (fun (struct (_, residual)) -> residual) |> List.toArray),
                        noise[service].Deviation
                    ))
            )

    FactoredResponseTimes(surface, filter, cells, noise)

/// Whether two filters think differently of some node.
let private hasMoved (before: NodeFactorFilter) (after: NodeFactorFilter) =
    Seq.exists (fun node -> abs (before.Median node - after.Median node) > otherFactor) (seq { 0 .. after.Nodes - 1 })

/// An interval that makes a change known tells under which factors the samples just before it were taken: theirs, or those of
/// now, whichever explains them better.
let reconsider (surface: ResponseSurface) before after cycle (window: SampleWindow) =
    let reconsidered (cell: Cell) =
        let curves =
            surface.Curves(ReadOnlySpan [| cell.Configuration |], cell.OfferedLoads.AsSpan())

        let now = nodeLogs surface after cell.Configuration

        let unexplained (sample: WeightedSample) =
            Seq.sum (
                seq {
                    for service in 0 .. surface.Layout.Services - 1 do
                        let shares = surface.Shares(cell.Configuration, service)
                        let struct (_, residual) = residual curves 0 service shares sample

                        if not (Double.IsNaN residual) then
                            abs residual
                }
            )

        { cell with
            Samples =
                cell.Samples
                |> List.map (fun sample ->
                    let other = { sample with NodeLogs = now }

                    if sample.Cycle >= cycle - lag && unexplained other < unexplained sample then
                        other
                    else
                        sample)
        }

    if hasMoved before after then
        (window,
         window.Cells
         |> Seq.filter (fun cell -> cell.Samples.Head.Cycle >= cycle - lag)
         |> Seq.toArray)
        ||> Array.fold (fun window cell -> SampleWindow.replace (reconsidered cell) window)
    else
        window

/// The change that a filter has announced, by the service that has most of its requests on the node.
let change (surface: ResponseSurface) (filter: NodeFactorFilter) configuration cycle =
    if filter.Alarms.Count = 0 then
        ValueNone
    else
        let node = filter.Alarms[0]

        ValueSome
            {
                Service =
                    Seq.maxBy
                        (fun service -> surface.Shares(configuration, service)[node])
                        (seq { 0 .. surface.Layout.Services - 1 })
                Since = max 0 (cycle - 1)
            }
