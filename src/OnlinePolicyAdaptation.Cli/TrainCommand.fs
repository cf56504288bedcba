/// opar train: a policy from a scenario's system.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.TrainCommand

open System
open System.Collections.Generic
open System.Collections.Immutable
open System.IO
open System.Threading
open Argu
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Training

/// What is trained, as the command line says.
type private TrainingRequest =
    {
        System: ScenarioTraining.TrainedSystem
        PresetName: string
        Options: PpoOptions
        Seed: int
        WarmStart: (string * SavedPolicy) option
        AfterChange: bool
    }

let private preset (arguments: ParseResults<TrainArguments>) =
    match arguments.GetResult(TrainArguments.Preset, "fast") with
    | "fast" -> "fast", PpoOptions.Fast
    | "paper" -> "paper", PpoOptions.Paper
    | other ->
        arguments.Raise($"--preset: '{other}'; expected one of fast, paper", ErrorCode.CommandLine, showUsage = false)

/// The scenario with the trace of the system to train on as the one it has.
let private trainedOn (arguments: ParseResults<TrainArguments>) (scenario: Scenario) =
    if arguments.Contains TrainArguments.After_Change then
        match
            arguments.TryGetResult TrainArguments.Trace_After
            |> Option.orElse scenario.Experiment.TraceAfter
        with
        | Some trace ->
            Ok
                { scenario with
                    Experiment.TraceBefore = Some trace
                }
        | None ->
            Error
                $"scenario {scenario.Name} has no field experiment.changes with a trace: no recording of a changed system is known"
    else
        Ok
            { scenario with
                Experiment.TraceBefore =
                    arguments.TryGetResult TrainArguments.Trace_Before
                    |> Option.orElse scenario.Experiment.TraceBefore
            }

let private steps (arguments: ParseResults<TrainArguments>) (options: PpoOptions) =
    match arguments.TryGetResult TrainArguments.Steps with
    | Some steps when steps < 1L -> Error $"--steps: {steps}; expected at least 1"
    | Some steps -> Ok(options.WithSteps steps)
    | None -> Ok options

let private warmStart (arguments: ParseResults<TrainArguments>) (scenario: Scenario) =
    arguments.TryGetResult TrainArguments.Warm_Start
    |> Option.map (fun path ->
        let policy = PolicyFile.Load path
        policy.CheckFits(scenario.System.Grid, scenario.System.Topology.Services.Count, path)
        path, policy)

let private request (arguments: ParseResults<TrainArguments>) =
    let name, options = preset arguments

    Scenario.load (arguments.GetResult TrainArguments.Scenario)
    |> Result.bind (trainedOn arguments)
    |> Result.bind (fun scenario ->
        let discount = scenario.Goal.Discount

        steps arguments (options.WithDiscount discount.Value)
        |> Result.bind (fun options ->
            let warmStart = warmStart arguments scenario

            PlanningProblem.atEveryLoad scenario
            |> Result.map (fun problems ->
                {
                    System = ScenarioTraining.ofProblems problems
                    PresetName = name
                    Options = options
                    Seed = arguments.GetResult(TrainArguments.Seed, 1)
                    WarmStart = warmStart
                    AfterChange = arguments.Contains TrainArguments.After_Change
                })))

let private train request meter (cancellation: CancellationToken) =
    let points = ResizeArray<LearningPoint>()

    let onProgress (p: TrainingProgress) =
        points.Add
            {
                Steps = p.Steps
                Reward = p.Reward
                Value = ValueOption.ofNullable p.Score
                Best = p.BestScore
            }

        let speed = float p.Steps / p.Seconds
        let left = max 0.0 (float (request.Options.Steps - p.Steps) / speed)

        meter p.Steps $"{speed:F0} steps/s, reward {p.Reward:F3}, best {p.BestScore:F2}, {left:F1} s left"

    let system =
        match request.WarmStart with
        | Some(_, policy) ->
            TrainingProblem(request.System.Training.Model, policy.Encoding, request.System.Training.Start)
        | None -> request.System.Training

    let result =
        Ppo.Train(
            system,
            request.Options,
            RandomKey(uint64 request.Seed),
            (fun policy -> ScenarioTraining.values request.System policy |> Array.average),
            onProgress,
            request.WarmStart
            |> Option.map (fun (_, policy) -> policy.Network)
            |> Option.toObj,
            cancellation
        )

    result, points.ToArray()

/// Trains until all steps are taken or Ctrl-C is pressed.
let private trainUntilStopped request =
    Terminal.untilInterrupted Terminal.atNextStep (fun cancellation ->
        Terminal.withMeter $"training on {request.System.Scenario.Name}" request.Options.Steps (fun meter ->
            train request meter cancellation))

let private settings request =
    [
        "algorithm", "Maskable PPO"
        "preset", request.PresetName
        "system",
        (if request.AfterChange then
             "after the change"
         else
             "before the change")
        match request.WarmStart with
        | Some(path, _) -> "warm start", path
        | None -> ()
        for setting in request.Options.Describe() do
            setting.Key, setting.Value
    ]

let private command (arguments: ParseResults<TrainArguments>) =
    [
        "opar train"
        arguments.GetResult TrainArguments.Scenario
        let name, _ = preset arguments
        $"--preset {name}"
        $"--seed {arguments.GetResult(TrainArguments.Seed, 1)}"

        match arguments.TryGetResult TrainArguments.Steps with
        | Some steps -> $"--steps {steps}"
        | None -> ()

        for option, value in
            [
                "--warm-start", arguments.TryGetResult TrainArguments.Warm_Start
                "--trace-before", arguments.TryGetResult TrainArguments.Trace_Before
                "--trace-after", arguments.TryGetResult TrainArguments.Trace_After
            ] do
            match value with
            | Some value -> $"{option} {value}"
            | None -> ()

        if arguments.Contains TrainArguments.After_Change then
            "--after-change"

        $"--out {arguments.GetResult TrainArguments.Out}"
    ]
    |> String.concat " "

let private answer request (result: TrainingResult) =
    let values = ScenarioTraining.values request.System result.Policy
    let atStart = ScenarioTraining.atStart request.System

    let start =
        match request.System.Problems.Length with
        | 1 -> "in the start state,"
        | levels -> $"in the start state, averaged over {levels} loads,"

    let stopped =
        if result.IsComplete then
            ""
        else
            " Training was stopped before its end."

    $"The best policy, found after {result.Steps} steps, is worth {atStart values:F3} {start} where the optimum is {atStart request.System.Optimum:F3}; averaged over all states {result.Score:F3} of {Array.average request.System.Optimum:F3}.{stopped}"

let private write (arguments: ParseResults<TrainArguments>) request (result: TrainingResult, points) =
    let scenario = request.System.Scenario
    let settings = settings request
    let out = arguments.GetResult TrainArguments.Out

    let recorded =
        ImmutableSortedDictionary.CreateRange(
            StringComparer.Ordinal,
            settings |> Seq.map (fun (name, value) -> KeyValuePair(name, value))
        )

    PolicyFile.Save(
        SavedPolicy(
            result.Policy.Network,
            result.Policy.Encoding,
            PolicyOrigin(scenario.Name, uint64 request.Seed, recorded)
        ),
        out
    )

    let report =
        arguments.GetResult(TrainArguments.Report, Path.Combine("results", scenario.Name, "training.html"))

    Path.GetDirectoryName(Path.GetFullPath report)
    |> Option.ofObj
    |> Option.iter (Directory.CreateDirectory >> ignore)

    let curve =
        {
            Title = $"Training on scenario {scenario.Name}"
            Points = points
            Optimum = Array.average request.System.Optimum
            Answer = answer request result
            Settings = ("seed", string<int> request.Seed) :: settings
            Command = command arguments
        }

    AtomicFile.Write(report, (fun text -> text.Write(TrainingReport.html curve)))
    printfn $"{curve.Answer}\n\npolicy: {Path.GetFullPath out}\nreport: {Path.GetFullPath report}"

/// A folder that is not there is better told before the training than after it.
let private checkFolder (path: string) =
    match Path.GetDirectoryName(Path.GetFullPath path) with
    | null -> Ok()
    | folder when Directory.Exists folder -> Ok()
    | folder -> Error $"{path}: the folder {folder} does not exist"

let run (arguments: ParseResults<TrainArguments>) =
    checkFolder (arguments.GetResult TrainArguments.Out)
    |> Result.bind (fun () -> request arguments)
    |> Result.bind (fun request -> ScenarioTraining.checkLibTorch () |> Result.map (fun () -> request))
    |> Result.map (fun request -> trainUntilStopped request |> write arguments request)
