/// A sink of a user's own: a row of CSV for each decision.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.Samples.CsvSink

open System.Globalization
open System.IO
open OnlinePolicyAdaptation.Service

/// Appends time, configuration and who chose it to a file.
let append (path: string) =
    Sink.each (fun decided ->
        let decision = decided.Decision
        let time = decision.Time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)
        let levels = decision.Target.Levels |> Seq.map string<int> |> String.concat ","
        File.AppendAllTextAsync(path, $"{time},{levels},{DecisionJson.decidedBy decision.By}\n"))
