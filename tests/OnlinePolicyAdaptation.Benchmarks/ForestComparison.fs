/// Our side of `tests/compare-forest-with-scikit-learn.py`: error and refit time on a split that the script made.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Benchmarks.ForestComparison

open System
open System.Diagnostics
open System.IO
open System.Text.Json
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Learning.Regression

/// Fits before the clock counts, so that the hot loops are compiled at their best.
let private warmUps = 20

/// A CSV of numbers under a header: every column a feature but the last, which is the target.
let private read (path: string) =
    let lines = File.ReadAllLines path
    let header = lines[0].Split ','

    let rows =
        lines[1..] |> Array.map (fun line -> line.Split ',' |> Array.map Double.Parse)

    TrainingSet(
        Array.truncate (header.Length - 1) header,
        [| Array.last header |],
        ReadOnlySpan(rows |> Array.collect (fun row -> Array.truncate (row.Length - 1) row)),
        ReadOnlySpan(rows |> Array.map Array.last)
    )

let private fit train key =
    RandomForest.Fit(train, ForestOptions(), RandomKey key)

let private milliseconds train key =
    let start = Stopwatch.GetTimestamp()
    fit train key |> ignore
    Stopwatch.GetElapsedTime(start).TotalMilliseconds

/// Arguments: a CSV of training rows, one of test rows, the number of repetitions, each with another key. Prints
/// `{"nmae": [...], "refit_ms": [...]}`, one entry per repetition; one thread, options at their defaults.
let run (args: string array) : int =
    match args with
    | [| trainPath; testPath; repetitions |] ->
        let train, test = read trainPath, read testPath
        let keys = [| 1UL .. UInt64.Parse repetitions |]

        for key in 1UL .. uint64 warmUps do
            fit train key |> ignore

        let result =
            {|
                nmae = keys |> Array.map (fun key -> FitQuality.On(fit train key, test).Nmae[0])
                refit_ms = keys |> Array.map (milliseconds train)
            |}

        printfn $"{JsonSerializer.Serialize result}"
        0
    | _ ->
        eprintfn "expected three arguments: train.csv test.csv repetitions"
        1
