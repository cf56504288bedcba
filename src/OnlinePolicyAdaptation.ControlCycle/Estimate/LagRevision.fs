/// What was learned by a wrong lag is learned anew by another one: samples go to the configurations that they belong to, and
/// changes of the system are noticed as they would have been. So none that was labelled wrongly stays, and none that it has
/// contradicted is left with less weight than it is worth.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.LagRevision

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels

/// The estimator as it was before the intervals that are remembered: the one of the start where these are all there were;
/// otherwise what is older stays as it is.
let private before (start: Estimator) (present: Estimator) (lag: MetricsLag) =
    if lag.IsWhole || lag.Entries.Length = 0 then
        { start with
            Pending = 0
            Lost = present.Lost
        }
    else
        let detector =
            ChangeDetector.create (ChangeDetector.tests present.Detector).Length 0

        { present with
            Window = SampleWindow.before lag.Entries[0].Cycle present.Window
            Detector = detector
        }

/// A sample, and what its configuration has shown so far, which stands for the prediction of a model.
let private learn estimation (layout: FeatureLayout) (estimator: Estimator) cycle (sample: Sample) =
    let predicted =
        match SampleWindow.tryCell sample.Configuration sample.OfferedLoads estimator.Window with
        | ValueSome cell ->
            match SampleWindow.current estimator.Window cell with
            | [] -> ValueNone
            | current -> ValueSome(Array.init layout.Services (CellStatistics.meanLog current >> exp))
        | ValueNone -> ValueNone

    let observed, change =
        Estimator.observe estimation layout cycle sample predicted estimator

    // What the last change has done to the nodes is needed where another one follows.
    if change.IsSome && estimator.Window.HasChanged then
        let struct (corrected, _) = Estimator.beginRefit layout estimator
        Estimator.observe estimation layout cycle sample predicted corrected |> fst
    else
        observed

/// The estimator once the lag is another one; the model is due to be fitted anew, from nothing.
let relearned (estimation: EstimationSettings) (layout: FeatureLayout) (start: Estimator) present (lag: MetricsLag) =
    let isKnown (entry: LagEntry) =
        lag.IsWhole || entry.Cycle - lag.Lag >= lag.Entries[0].Cycle

    let learned =
        (before start present lag, lag.Entries, MetricsLag.origins lag)
        |||> Array.fold2 (fun estimator entry origin ->
            match entry.Seconds with
            | ValueSome seconds when isKnown entry ->
                learn
                    estimation
                    layout
                    estimator
                    entry.Cycle
                    {
                        Configuration = origin.Configuration
                        OfferedLoads = origin.OfferedLoads
                        ResponseTimes = seconds |> Array.map ResponseTime |> EquatableArray.ToEquatableArray
                    }
            | _ -> estimator)

    { learned with
        Pending = max learned.Pending estimation.RefitEvery
        IsNews = true
    }
