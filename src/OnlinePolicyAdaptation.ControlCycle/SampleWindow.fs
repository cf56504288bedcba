namespace OnlinePolicyAdaptation.ControlCycle

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels

/// The samples a model is fitted to: of each configuration and load step, the newest few.
///
/// A window over time alone would forget configurations that are still true and keep, for its whole length, what a
/// change made wrong. Replacing per configuration forgets exactly what has been measured anew.
type SampleWindow =
    private
        {
            /// Newest first, by the levels of the configuration and the quantised loads.
            cells: Map<float list, Sample list>
        }

[<RequireQualifiedAccess>]
module SampleWindow =

    let empty = { cells = Map.empty }

    /// Each load as a multiple of the load step; what is offered at all is at least one step.
    let quantised settings (loads: EquatableArray<RequestRate>) : EquatableArray<RequestRate> =
        loads
        |> Seq.map (fun load ->
            let least = if load.PerSecond > 0.0 then 1.0 else 0.0
            let steps = Math.Round(load.PerSecond / settings.LoadStep)
            RequestRate(settings.LoadStep * max least steps))
        |> EquatableArray.ToEquatableArray

    /// Adds a sample, its loads quantised.
    let add settings (sample: Sample) window =
        let sample =
            { sample with
                OfferedLoads = quantised settings sample.OfferedLoads
            }

        let cell =
            [
                for level in sample.Configuration.Levels do
                    float level
                for load in sample.OfferedLoads do
                    load.PerSecond
            ]

        let older = window.cells |> Map.tryFind cell |> Option.defaultValue []

        {
            cells =
                window.cells
                |> Map.add cell (List.truncate settings.SamplesPerConfiguration (sample :: older))
        }

    let count window =
        window.cells |> Map.fold (fun total _ samples -> total + samples.Length) 0

    /// The window as a training set, in the order of the cells.
    let trainingSet (layout: FeatureLayout) window =
        let samples = window.cells |> Map.toArray |> Array.collect (snd >> List.toArray)
        let width = layout.Names.Count
        let features = Array.zeroCreate<float>(samples.Length * width)
        let targets = Array.zeroCreate<float>(samples.Length * layout.Services)

        samples
        |> Array.iteri (fun i sample ->
            layout.Write(sample.Configuration, sample.OfferedLoads.AsSpan(), Span(features, i * width, width))

            for service in 0 .. layout.Services - 1 do
                targets[i * layout.Services + service] <- sample.ResponseTimes[service].Seconds)

        TrainingSet(layout.Names, layout.TargetNames, features, targets)
