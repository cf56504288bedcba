module OnlinePolicyAdaptation.Benchmarks.Program

open System.Reflection
open BenchmarkDotNet.Running

let private benchmarks args =
    let summaries =
        BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(args)
        |> List.ofSeq

    if
        summaries
        |> List.forall (fun summary -> summary.Reports |> Seq.forall _.Success)
    then
        0
    else
        1

/// Runs the benchmarks of this assembly that the arguments select, e.g. `--filter '*'` or `--list flat`;
/// `compare-forest ..` is our side of the comparison with scikit-learn; `training SCENARIO ..` trains with many seeds;
/// `control SCENARIO` measures the controller as a service.
[<EntryPoint>]
let main args =
    match List.ofArray args with
    | "compare-forest" :: rest -> ForestComparison.run (List.toArray rest)
    | "training" :: rest -> TrainingMeasurement.run rest
    | "control" :: rest -> ControlMeasurement.measure rest
    | _ -> benchmarks args
