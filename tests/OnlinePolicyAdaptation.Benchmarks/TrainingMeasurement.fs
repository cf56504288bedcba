/// Training with many seeds: how near to the optimum, how soon, and how many steps per second.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Benchmarks.TrainingMeasurement

open System
open System.Globalization
open MathNet.Numerics.Statistics
open OnlinePolicyAdaptation.Cli
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Training

type private Request =
    {
        Scenario: string
        Trace: string option
        Options: PpoOptions
        /// A policy file to go on from.
        WarmStart: string option
        Seeds: int
    }

type private Measured =
    {
        /// Of the optimal value in the start state.
        Share: float
        /// Until a policy was found that is within 1 % of the optimum there; NaN if none was.
        SecondsToOnePercent: float
        Seconds: float
        StepsPerSecond: float
    }

let rec private parse (request: Request) arguments =
    match arguments with
    | [] -> Ok request
    | "--preset" :: "fast" :: rest ->
        parse
            { request with
                Options = PpoOptions.Fast
            }
            rest
    | "--preset" :: "paper" :: rest ->
        parse
            { request with
                Options = PpoOptions.Paper
            }
            rest
    | "--steps" :: steps :: rest ->
        parse
            { request with
                Options = request.Options.WithSteps(Int64.Parse(steps, CultureInfo.InvariantCulture))
            }
            rest
    | "--environments" :: count :: rest ->
        parse
            { request with
                Options = request.Options.WithEnvironments(Int32.Parse(count, CultureInfo.InvariantCulture))
            }
            rest
    | "--seeds" :: seeds :: rest ->
        parse
            { request with
                Seeds = Int32.Parse(seeds, CultureInfo.InvariantCulture)
            }
            rest
    | "--warm-start" :: path :: rest -> parse { request with WarmStart = Some path } rest
    | "--trace" :: path :: rest -> parse { request with Trace = Some path } rest
    | other :: _ ->
        Error
            $"{other}: expected --preset fast or paper, then --steps N, --environments N, --seeds N, --trace CSV, --warm-start POLICY"

let private measure (system: ScenarioTraining.TrainedSystem) options warmStart seed =
    let mutable share = nan
    let mutable within = nan
    let mutable steps = 0L
    let mutable seconds = nan

    let evaluate policy =
        let values = ScenarioTraining.values system policy
        share <- ScenarioTraining.shareAtStart system values
        Array.average values

    let onProgress (progress: TrainingProgress) =
        steps <- progress.Steps
        seconds <- progress.Seconds

        if Double.IsNaN within && share >= 0.99 then
            within <- progress.Seconds

    let result =
        Ppo.Train(system.Training, options, RandomKey(uint64 (seed: int)), evaluate, onProgress, warmStart)

    {
        Share =
            ScenarioTraining.values system result.Policy
            |> ScenarioTraining.shareAtStart system
        SecondsToOnePercent = within
        Seconds = seconds
        StepsPerSecond = float steps / seconds
    }

let private systemOf request =
    Scenario.load request.Scenario
    |> Result.bind (fun scenario ->
        PlanningProblem.atEveryLoad
            { scenario with
                Experiment.TraceBefore = request.Trace |> Option.orElse scenario.Experiment.TraceBefore
            })
    |> Result.map ScenarioTraining.ofProblems

let private print request system =
    let warmStart =
        request.WarmStart
        |> Option.map (fun path -> (PolicyFile.Load path).Network)
        |> Option.toObj

    let all =
        [|
            for seed in 1 .. request.Seeds do
                let m = measure system request.Options warmStart seed

                printfn
                    $"seed {seed}: {m.Share:P2} of the optimum, within 1 %% after {m.SecondsToOnePercent:F2} s; all steps {m.Seconds:F2} s, {m.StepsPerSecond:F0} steps/s"

                m
        |]

    let within = all |> Array.filter (fun m -> m.Share >= 0.99)

    let median (of': Measured -> float) =
        all |> Array.map of' |> Statistics.Median

    printfn
        $"{within.Length} of {all.Length} within 1 %%; medians: within 1 %% after {median _.SecondsToOnePercent:F2} s, all steps {median _.Seconds:F2} s, {median _.StepsPerSecond:F0} steps/s"

/// `SCENARIO [--preset P] [--steps N] [--environments N] [--seeds N] [--trace CSV] [--warm-start POLICY]`
let run (arguments: string list) =
    let outcome =
        match arguments with
        | [] -> Error "training: expected the folder of a scenario"
        | scenario :: rest ->
            parse
                {
                    Scenario = scenario
                    Trace = None
                    Options = PpoOptions.Fast
                    WarmStart = None
                    Seeds = 10
                }
                rest
            |> Result.bind (fun request ->
                try
                    systemOf request |> Result.map (print request)
                with :? BadInputException as e ->
                    Error e.Message)

    match outcome with
    | Ok() -> 0
    | Error message ->
        eprintfn $"{message}"
        2
