namespace OnlinePolicyAdaptation.ControlCycle

open System
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// All that estimation carries from one cycle to the next.
type Estimator =
    {
        Window: SampleWindow
        Detector: ChangeDetector
        /// How much slower nodes have become since the last change, one entry per service; empty before the first.
        NodeFactors: NodeFactors[]
        Lost: LostCells
        /// What is thought of the nodes by filtering; none where changes are judged otherwise.
        Filter: NodeFactorFilter voption
        /// Fitted to the window, as if the system were still the one before the last change.
        Forest: RandomForest voption
        /// The last model that could be fitted, or why there is none.
        Model: Result<EstimatedModel, CycleError>
        /// Samples that no model has been fitted to yet.
        Pending: int
        /// Something among them is new: all trees are grown anew.
        IsNews: bool
    }

/// A model fitted to the window as it was at some time, which may be some cycles ago.
type FittedModel =
    {
        Forest: RandomForest
        Estimate: EstimatedModel
    }

/// From samples to the system model that is planned with: notice changes, forget, refit.
[<RequireQualifiedAccess>]
module Estimator =

    /// All trees are grown anew for the first samples of a cell, as many as this.
    let private hardlyKnown = 4

    /// In the place of what was not measured: what the last forest says, or the mean of what was measured of the service. A forest
    /// that is fitted to what the one before it has filled in: D. Stekhoven, P. Bühlmann, MissForest, Bioinformatics 28, 2012.
    let private fillMissing (forest: RandomForest voption) width height (features: float[]) (targets: float[]) =
        let rows = targets.Length / height

        let means =
            lazy
                (Array.init height (fun service ->
                    let measured =
                        [|
                            for row in 0 .. rows - 1 do
                                if not (Double.IsNaN targets[row * height + service]) then
                                    targets[row * height + service]
                        |]

                    if measured.Length = 0 then 0.0 else Array.average measured))

        let known = Array.zeroCreate<float> height

        for row in 0 .. rows - 1 do
            let isMissing service =
                Double.IsNaN targets[row * height + service]

            if Seq.exists isMissing (seq { 0 .. height - 1 }) then
                match forest with
                | ValueSome forest -> forest.Predict(ReadOnlySpan(features, row * width, width), Span known)
                | ValueNone -> means.Value.CopyTo(known, 0)

                for service in 0 .. height - 1 do
                    if isMissing service then
                        targets[row * height + service] <- known[service]

    /// The rows of the forest. What was measured since the last change is divided by the factor that predictions are
    /// multiplied by. Where requests are lost, that stands for what was measured.
    let private trainingSet (layout: FeatureLayout) (estimator: Estimator) =
        let window = estimator.Window
        let width, height = layout.Names.Count, layout.Services

        let unmeasured =
            LostCells.cells estimator.Lost
            |> Seq.filter (fun lost ->
                SampleWindow.tryCell lost.Configuration lost.OfferedLoads window
                |> ValueOption.isNone)
            |> Seq.toArray

        let measured =
            [|
                for cell in window.Cells ->
                    struct (cell,
                            match estimator.Filter with
                            | ValueSome _ -> Factors.surfaceRows layout cell
                            | ValueNone -> [ for sample in cell.Samples -> sample, sample.Seconds ])
            |]

        let count =
            unmeasured.Length
            + Array.sumBy (fun (struct (_, samples)) -> List.length samples) measured

        let features = Array.zeroCreate<float>(count * width)
        let targets = Array.zeroCreate<float>(count * height)
        let weights = Array.zeroCreate<float> count
        let place = Array.zeroCreate<float> width
        let mutable row = 0

        let add configuration (loads: EquatableArray<RequestRate>) (samples: (WeightedSample * float[]) list) =
            layout.Write(configuration, loads.AsSpan(), Span place)
            let factors = estimator.NodeFactors |> Array.map _.Factor(configuration)

            let lost =
                Array.init height (fun service -> LostCells.tryFind configuration loads service estimator.Lost)

            for sample, seconds in samples do
                place.CopyTo(features, row * width)
                seconds.CopyTo(targets, row * height)
                weights[row] <- sample.Weight

                for service in 0 .. height - 1 do
                    let factor = if factors.Length = 0 then 1.0 else factors[service]

                    match lost[service] with
                    | ValueSome lost -> targets[row * height + service] <- lost / factor
                    | ValueNone when sample.Cycle >= window.Since ->
                        targets[row * height + service] <- seconds[service] / factor
                    | ValueNone -> ()

                row <- row + 1

        for struct (cell, samples) in measured do
            add cell.Configuration cell.OfferedLoads samples

        for cell in unmeasured do
            add
                cell.Configuration
                cell.OfferedLoads
                [
                    {
                        Cycle = Int32.MinValue
                        Seconds = [||]
                        Weight = 1.0
                        NodeLogs = [||]
                    },
                    Array.create height nan
                ]

        fillMissing estimator.Forest width height features targets
        TrainingSet(layout.Names, layout.TargetNames, features, targets, weights)

    /// The lowest and the highest response time that carries weight, of every service; from 0 without end where there is none.
    let private ranges services (window: SampleWindow) lost =
        let lowest = Array.create services infinity
        let highest = Array.create services -infinity

        let add service seconds =
            if not (Double.IsNaN seconds) then
                lowest[service] <- min lowest[service] seconds
                highest[service] <- max highest[service] seconds

        for cell in window.Cells do
            for sample in cell.Samples do
                if sample.Weight > 0.0 then
                    for service in 0 .. services - 1 do
                        add service sample.Seconds[service]

        for cell in LostCells.cells lost do
            for service in 0 .. services - 1 do
                LostCells.tryFind cell.Configuration cell.OfferedLoads service lost
                |> ValueOption.iter (add service)

        for service in 0 .. services - 1 do
            if lowest[service] > highest[service] then
                lowest[service] <- 0.0
                highest[service] <- infinity

        struct (lowest, highest)

    /// The usual deviation of a measurement, the median over the cells.
    let private noise services (window: SampleWindow) =
        Array.init services (fun service ->
            window.Cells
            |> Seq.map (fun cell -> CellStatistics.deviation cell.Samples service)
            |> Statistics.Median)

    let private responseTimes (layout: FeatureLayout) forest (estimator: Estimator) : IResponseTimeModel =
        match estimator.Filter with
        | ValueSome filter -> Factors.responseTimes layout forest estimator.Window estimator.Lost filter
        | ValueNone ->
            let struct (lowest, highest) =
                ranges layout.Services estimator.Window estimator.Lost

            CorrectedResponseTimes(
                forest,
                ReadOnlySpan estimator.NodeFactors,
                layout,
                lowest,
                highest,
                noise layout.Services estimator.Window
            )

    let private model (layout: FeatureLayout) cycle forest (estimator: Estimator) =
        {
            ResponseTimes = responseTimes layout forest estimator
            Samples = SampleWindow.count estimator.Window
            FittedAt = cycle
        }

    /// Weighs a cell against what the nodes are now thought to do.
    let private reweigh (estimator: Estimator) cell =
        Relevance.reweigh estimator.NodeFactors (SampleWindow.current estimator.Window cell) cell

    /// The cells that were measured since the model was fitted.
    let private measured (estimator: Estimator) =
        let fittedAt =
            match estimator.Model with
            | Ok model -> model.FittedAt
            | Error _ -> Int32.MinValue

        estimator.Window.Cells
        |> Seq.filter (fun cell -> cell.Samples.Head.Cycle > fittedAt)
        |> Seq.toArray

    /// After a change, what was measured since the last refit tells by how much nodes have become slower and which older
    /// samples it contradicts.
    let private corrected (layout: FeatureLayout) (estimator: Estimator) =
        if estimator.Window.HasChanged then
            let estimator =
                { estimator with
                    NodeFactors = Relevance.nodeFactors layout.Grid layout.Services estimator.Window
                }

            { estimator with
                Window =
                    (estimator.Window, measured estimator)
                    ||> Array.fold (fun window cell -> SampleWindow.replace (reweigh estimator cell) window)
            }
        else
            estimator

    /// A model of the window, after the samples of this cycle: the oldest trees grown anew, or all.
    let refit estimation layout cycle key (estimator: Estimator) =
        let available = SampleWindow.count estimator.Window

        if available < estimation.MinimumSamples then
            Error(CycleError.TooFewSamples(available, estimation.MinimumSamples))
        else
            let set = trainingSet layout estimator

            let forest =
                match estimator.Forest with
                | ValueSome forest when not estimator.IsNews -> forest.Regrow(set, estimation.RegrownTrees, key)
                | _ -> RandomForest.Fit(set, estimation.Forest, key)

            Ok
                {
                    Forest = forest
                    Estimate = model layout cycle forest estimator
                }

    /// Puts the outcome of a refit in place. Where no model could be fitted, the last one stays.
    let install (fitted: Result<FittedModel, CycleError>) (estimator: Estimator) =
        match fitted with
        | Ok fitted ->
            { estimator with
                Forest = ValueSome fitted.Forest
                Model = Ok fitted.Estimate
            }
        | Error error ->
            { estimator with
                Model = estimator.Model |> Result.mapError (fun _ -> error)
            }

    /// The model in place by what is thought of the nodes now; where factors are not filtered it stays as it is.
    let refresh (layout: FeatureLayout) (estimator: Estimator) =
        match estimator.Filter, estimator.Model, estimator.Forest with
        | ValueSome _, Ok last, ValueSome forest ->
            { estimator with
                Model = Ok(model layout last.FittedAt forest estimator)
            }
        | _ -> estimator

    /// Begins a refit: what `refit` makes a model of, and the estimator that goes on meanwhile.
    let beginRefit layout (estimator: Estimator) =
        let corrected = corrected layout estimator

        struct (corrected,
                { corrected with
                    Pending = 0
                    IsNews = false
                })

    /// Whether the model is to be refitted.
    let isRefitDue estimation (estimator: Estimator) =
        estimator.Pending >= estimation.RefitEvery

    /// What is thought of the nodes at first, where that is filtered.
    let private filterOf estimation (layout: FeatureLayout) =
        match estimation.Forgetting with
        | Forgetting.ByFactors _ -> ValueSome(NodeFactorFilter.Unchanged(max 1 layout.Grid.Nodes, layout.Services))
        | _ -> ValueNone

    /// An estimator that has learned from these samples, oldest first.
    let start estimation (layout: FeatureLayout) (key: RandomKey) (history: Sample seq) =
        let history = Seq.toArray history

        let window =
            (SampleWindow.empty, Array.indexed history)
            ||> Array.fold (fun window (i, sample) -> SampleWindow.add estimation (i - history.Length) sample window)

        let estimator =
            {
                Window = window
                Detector = ChangeDetector.create layout.Services history.Length
                NodeFactors = [||]
                Lost = LostCells.none
                Filter = filterOf estimation layout
                Forest = ValueNone
                Model = Error(CycleError.TooFewSamples(0, estimation.MinimumSamples))
                Pending = 0
                IsNews = false
            }

        estimator |> install (refit estimation layout -1 key estimator)

    /// The estimator that was stopped with this window, detector, filter and forest, fitted last after a cycle.
    let resume
        estimation
        (layout: FeatureLayout)
        window
        lost
        detector
        filter
        (forest: RandomForest voption)
        fittedAt
        pending
        isNews
        =
        let estimator =
            {
                Window = window
                Detector = detector
                NodeFactors =
                    if window.HasChanged then
                        Relevance.nodeFactors layout.Grid layout.Services window
                    else
                        [||]
                Lost = lost
                Filter = filter
                Forest = forest
                Model = Error(CycleError.TooFewSamples(SampleWindow.count window, estimation.MinimumSamples))
                Pending = pending
                IsNews = isNews
            }

        match forest with
        | ValueNone -> Ok estimator
        | ValueSome forest when
            not (
                Seq.forall2 (=) forest.FeatureNames layout.Names
                && Seq.forall2 (=) forest.TargetNames layout.TargetNames
            )
            || SampleWindow.count window = 0
            ->
            Error
                $"forest: it maps {forest.FeatureNames} to {forest.TargetNames}; expected those of the cells, and some cell"
        | ValueSome forest ->
            Ok
                { estimator with
                    Model = Ok(model layout fittedAt forest estimator)
                }

    /// The predicted mean response time of every service, in seconds.
    let predict (model: EstimatedModel) configuration (offeredLoads: EquatableArray<RequestRate>) =
        let seconds = Array.zeroCreate<float> offeredLoads.Count
        model.ResponseTimes.Predict(configuration, offeredLoads.AsSpan(), Span seconds)
        seconds

    let private detect (cell: Cell voption) cycle (sample: Sample) (predicted: float[] voption) (estimator: Estimator) =
        match predicted, cell with
        | ValueSome predicted, ValueSome cell ->
            let current = SampleWindow.current estimator.Window cell

            match Surprise.scores current sample predicted with
            | ValueSome scores -> ChangeDetector.observe cycle scores estimator.Detector
            | ValueNone -> ChangeDetector.unscored estimator.Detector, ValueNone
        | _ -> ChangeDetector.unscored estimator.Detector, ValueNone

    /// What is known becomes what was known.
    let private renew services (change: DetectedChange) (estimator: Estimator) =
        let renewed cell =
            Relevance.renew change.Since estimator.NodeFactors (SampleWindow.current estimator.Window cell) cell

        { estimator with
            Window = SampleWindow.renew change.Since renewed estimator.Window
            Detector = ChangeDetector.create services 0
        }

    /// Takes note of the sample of a cycle where factors are filtered.
    let private filtered estimation cycle (sample: Sample) (estimator: Estimator) =
        match estimator.Filter, estimator.Model with
        | ValueSome filter,
          Ok {
                 ResponseTimes = :? FactoredResponseTimes as model
             } ->
            let loads = SampleWindow.quantised estimation sample.OfferedLoads

            let seconds = sample.ResponseTimes |> Seq.map _.Seconds |> Seq.toArray

            let after =
                filter.After(model.Observe(sample.Configuration, loads, ReadOnlySpan seconds))

            let window =
                estimator.Window
                |> Factors.reconsider model.Surface filter after cycle
                |> SampleWindow.addUnder
                    (Factors.nodeLogs model.Surface after sample.Configuration)
                    estimation
                    cycle
                    sample

            { estimator with
                Filter = ValueSome after
                Window = window
            },
            Factors.change model.Surface after sample.Configuration cycle
        | _ ->
            { estimator with
                Window = SampleWindow.add estimation cycle sample estimator.Window
            },
            ValueNone

    /// Takes note of the sample of a cycle: what it changes, apart from the model, which had predicted it so.
    let observe estimation (layout: FeatureLayout) cycle (sample: Sample) predicted (estimator: Estimator) =
        let loads = SampleWindow.quantised estimation sample.OfferedLoads
        let cell = SampleWindow.tryCell sample.Configuration loads

        let renewed, change =
            match estimation.Forgetting with
            | Forgetting.ByFactors _ -> filtered estimation cycle sample estimator
            | _ ->
                let struct (detector, change) =
                    match estimation.Forgetting with
                    | Forgetting.ByRelevance _ -> detect (cell estimator.Window) cycle sample predicted estimator
                    | _ -> estimator.Detector, ValueNone

                let measured =
                    { estimator with
                        Detector = detector
                        Window = SampleWindow.add estimation cycle sample estimator.Window
                    }

                match change with
                | ValueSome found -> renew layout.Services found measured, change
                | ValueNone -> measured, change

        // A few trees of many learn too slowly what is new.
        let isNew =
            match cell renewed.Window with
            | ValueSome cell -> (SampleWindow.current renewed.Window cell).Length <= hardlyKnown
            | ValueNone -> false

        { renewed with
            Pending = renewed.Pending + 1
            IsNews =
                renewed.IsNews
                || isNew
                || (ValueOption.isSome change && ValueOption.isNone renewed.Filter)
        },
        change

    /// Takes note of requests that were lost in a cycle under a configuration and loads in whole load steps, or that are lost no
    /// more. Where that is news a refit is due.
    let observeLosses estimation cycle configuration loads answers (estimator: Estimator) =
        let lost = LostCells.observe cycle configuration loads answers estimator.Lost

        if LostCells.isAlike lost estimator.Lost then
            { estimator with Lost = lost }
        else
            { estimator with
                Lost = lost
                Pending = max estimator.Pending estimation.RefitEvery
                IsNews = true
            }

    /// Learns from the sample of a cycle, and refits the model if that is due.
    let learn estimation (layout: FeatureLayout) cycle key (sample: Sample) (estimator: Estimator) =
        let predicted =
            match estimator.Model with
            | Ok model ->
                ValueSome(predict model sample.Configuration (SampleWindow.quantised estimation sample.OfferedLoads))
            | Error _ -> ValueNone

        let observed, change = observe estimation layout cycle sample predicted estimator

        if isRefitDue estimation observed then
            let struct (snapshot, begun) = beginRefit layout observed
            let fitted = refit estimation layout cycle key snapshot

            let errors =
                match fitted with
                | Ok _ -> []
                | Error error -> [ error ]

            install fitted begun, change, errors
        else
            refresh layout observed, change, []
