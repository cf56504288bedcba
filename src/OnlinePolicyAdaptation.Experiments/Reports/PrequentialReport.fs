namespace OnlinePolicyAdaptation.Experiments

open System
open System.Globalization
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.ControlCycle
open XPlot.Plotly

/// What was evaluated, and how it went.
type PrequentialResult =
    {
        Traces: string list
        /// Predictions of every estimation, for the same samples in the same order.
        Predictions: (Estimation * Prediction[]) list
        /// Evaluates the same again.
        Command: string
    }

/// Table and page about a prequential evaluation.
[<RequireQualifiedAccess>]
module PrequentialReport =

    /// Samples that a point of the error over time is the mean of.
    let private smoothed = 100

    /// Samples after the begin of a trace in which adapting is looked at.
    let private early = 200

    let private number = Numbers.fixed' 3

    let private traceStarts (predictions: Prediction[]) =
        predictions
        |> Array.indexed
        |> Array.filter (fun (i, p) -> i = 0 || predictions[i - 1].Trace <> p.Trace)
        |> Array.map fst

    /// The header and the cells, for the page and the terminal alike.
    let table (result: PrequentialResult) =
        let traces = [ 0 .. result.Traces.Length - 1 ]

        let row (kind: Estimation, predictions: Prediction[]) =
            let inTrace trace =
                predictions |> Array.filter (fun p -> p.Trace = trace)

            [
                kind.Name
                number (Prequential.nmae predictions)
                for trace in traces do
                    number (Prequential.nmae (inTrace trace))
                if traces.Length > 1 then
                    number (Prequential.nmae (traces.Tail |> Seq.collect (inTrace >> Seq.truncate early)))
                Wording.duration (predictions |> Seq.map _.Learning.TotalSeconds |> Statistics.Median)
                (predictions |> Array.filter _.Noticed |> Array.length |> string<int>)
            ]

        [
            "model"
            "NMAE"
            for trace in traces do
                $"trace {trace + 1}"
            if traces.Length > 1 then
                $"first {early} after a change"
            "median refit"
            "changes noticed"
        ],
        result.Predictions |> List.map row

    let private style (kind: Estimation) =
        match kind with
        | Estimation.By(Forgetting.ByRelevance _) -> Palette.blue, "solid"
        | Estimation.By Forgetting.Never -> Palette.vermilion, "dot"
        | Estimation.By(Forgetting.Window samples) when samples <= 500 -> Palette.orange, "dashdot"
        | Estimation.By(Forgetting.Window _) -> Palette.purple, "longdash"
        | Estimation.By(Forgetting.PerConfiguration _) -> Palette.skyBlue, "longdashdot"
        | Estimation.By(Forgetting.ByFactors _) -> Palette.blue, "dash"
        | Estimation.FullRefit _ -> Palette.black, "dot"
        | Estimation.Oracle -> Palette.green, "dash"

    let private line (kind: Estimation, predictions: Prediction[]) : Trace =
        let colour, dash = style kind

        predictions
        |> Array.chunkBySize smoothed
        |> Array.mapi (fun i chunk -> float (smoothed * i + chunk.Length / 2), Prequential.nmae chunk)
        |> Array.filter (snd >> Double.IsFinite)
        |> Drawing.line kind.Name colour dash

    let private figure (result: PrequentialResult) =
        let starts =
            match result.Predictions with
            | (_, predictions) :: _ -> traceStarts predictions |> List.ofArray |> List.tail
            | [] -> []

        let layout =
            Drawing.layout (Xaxis(title = "sample")) (Yaxis(title = "NMAE", ``type`` = "log"))

        layout.shapes <- starts |> List.map Drawing.mark

        {
            Heading = "Error over time"
            Caption =
                $"Sum of the absolute errors of the response times predicted one sample ahead, over the sum of the response times, in steps of {smoothed} samples. The vertical lines are where a trace ends and the next begins."
            Chart = Chart.Plot(result.Predictions |> List.map line, layout)
        }

    /// The outcome in a sentence.
    let answer (result: PrequentialResult) =
        let ranked =
            result.Predictions
            |> List.map (fun (kind, predictions) -> kind, Prequential.nmae predictions)
            |> List.filter (snd >> Double.IsFinite)
            |> List.sortBy snd

        match ranked with
        | [] ->
            let predicted =
                result.Predictions |> Seq.collect snd |> Seq.filter _.Error.IsSome |> Seq.length

            if predicted > 0 then
                $"No error can be told as a share: all response times that were measured of the {predicted} predicted samples are 0 s; expected some above 0."
            else
                "No model could be fitted: there are too few samples."
        | [ only, error ] -> $"The error over all samples is {number error} ({only.Name})."
        | (best, error) :: others ->
            let rest =
                others
                |> List.map (fun (kind, error) -> $"{kind.Name} {number error}")
                |> String.concat ", "

            $"The smallest error over all samples has {best.Name}: {number error} (others: {rest})."

    let html (result: PrequentialResult) =
        Page.html
            "Estimating the system model while the system changes"
            "Every sample is predicted before it is learned from. Which samples should the model be fitted to, so that it is right before, during and after a change that nobody tells it of?"
            (answer result)
            [
                table result ||> Page.table
                Page.figure (figure result)
                Page.settings [ for i, trace in List.indexed result.Traces -> $"trace {i + 1}", trace ] result.Command
            ]
