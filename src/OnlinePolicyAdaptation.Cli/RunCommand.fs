/// opar run: an experiment from a scenario's folder to a table, a report and result files.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.RunCommand

open FsToolkit.ErrorHandling
open System
open System.IO
open Argu
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios

let private horizons (text: string) =
    let parts = text.Split(',', StringSplitOptions.TrimEntries)

    match parts |> Array.filter (fun p -> not (fst (Int32.TryParse p))) with
    | [||] -> Ok(parts |> Array.map int |> List.ofArray)
    | wrong -> Error $"--lookahead: '{wrong[0]}' is not a number; expected horizons such as 1,3"

/// The first way to forget is the model's, the others are compared with it.
let private forgettings (text: string) =
    (text.Split(',', StringSplitOptions.TrimEntries), Ok [])
    ||> Array.foldBack (fun part found ->
        match EstimationSyntax.forgetting part, found with
        | Ok way, Ok ways -> Ok(way :: ways)
        | Error message, _ -> Error $"--forgetting: {message}"
        | _, Error message -> Error message)

/// An option's value by its parser, or the scenario's.
let private given parse fallback text =
    match text with
    | Some text -> parse text
    | None -> Ok fallback

let private basePolicies option (scenario: Scenario) text =
    BasePolicySpecification.parse scenario.System.Topology.Services.Count text
    |> Result.mapError (fun message -> $"{option}: {message}")

/// One base policy, as the option gives it.
let private basePolicy scenario text =
    basePolicies "--base-policy" scenario text
    |> Result.bind (fun policies ->
        match policies with
        | [ policy ] -> Ok policy
        | _ ->
            Error $"--base-policy: '{text}' names {policies.Length} policies; expected one, and others in --also-base")

/// The scenario with the settings that the arguments give.
let configured (arguments: ParseResults<RunArguments>) (scenario: Scenario) =
    let riskAttitude text =
        EstimationSyntax.riskAttitude text
        |> Result.mapError (fun message -> $"--outlook: {message}")

    let ways =
        scenario.Controller.Estimation.Forgetting :: scenario.Experiment.AlsoForgetting

    given horizons scenario.Experiment.Horizons (arguments.TryGetResult RunArguments.Lookahead)
    |> Result.bind (fun horizons ->
        given forgettings ways (arguments.TryGetResult RunArguments.Forgetting)
        |> Result.bind (fun ways ->
            given
                riskAttitude
                scenario.Controller.Estimation.RiskAttitude
                (arguments.TryGetResult RunArguments.Outlook)
            |> Result.bind (fun attitude ->
                given
                    (basePolicy scenario)
                    scenario.Controller.BasePolicy
                    (arguments.TryGetResult RunArguments.Base_Policy)
                |> Result.bind (fun basePolicy ->
                    given
                        (basePolicies "--also-base" scenario)
                        scenario.Experiment.AlsoBasePolicies
                        (arguments.TryGetResult RunArguments.Also_Base)
                    |> Result.map (fun others -> horizons, ways, attitude, basePolicy, others)))))
    |> Result.bind (fun (horizons, ways, attitude, basePolicy, others) ->
        scenario
        |> Scenario.change (fun scenario ->
            { scenario with
                Controller.Estimation =
                    { scenario.Controller.Estimation with
                        Forgetting = List.head ways
                        RiskAttitude = attitude
                    }
                Experiment.AlsoForgetting = List.tail ways
                Controller.BasePolicy = basePolicy
                Experiment.AlsoBasePolicies = others
                Experiment.Seeds = arguments.GetResult(RunArguments.Seeds, scenario.Experiment.Seeds)
                Experiment.Cycles = arguments.GetResult(RunArguments.Cycles, scenario.Experiment.Cycles)
                Experiment.Horizons = horizons
                // How long the intervals of other traces are is not known.
                Simulation =
                    if
                        arguments.Contains RunArguments.Trace_Before
                        || arguments.Contains RunArguments.Trace_After
                    then
                        None
                    else
                        scenario.Simulation
                Experiment.TraceBefore =
                    arguments.TryGetResult RunArguments.Trace_Before
                    |> Option.orElse scenario.Experiment.TraceBefore
            }))
    |> Result.bind (fun scenario ->
        Scenario.withChange
            (arguments.TryGetResult RunArguments.Change_At)
            (arguments.TryGetResult RunArguments.Trace_After)
            scenario.Experiment
        |> Result.mapError (fun message -> $"--change-at, --trace-after: {message}")
        |> Result.bind (fun experiment ->
            Scenario.change
                (fun scenario ->
                    { scenario with
                        Experiment = experiment
                    })
                scenario))

/// The command that gives the same results again.
let command (arguments: ParseResults<RunArguments>) =
    let decides argument =
        match argument with
        | RunArguments.Threads _
        | RunArguments.Out _ -> false
        | _ -> true

    CommandLine.reproducing "run" decides arguments

/// Whether to retrain, and that it can be done, before anything is run: where only the scenario asks for it and libtorch is
/// missing, the experiment goes on without.
let private retrains (arguments: ParseResults<RunArguments>) (scenario: Scenario) =
    match arguments.Contains RunArguments.Retrain, arguments.Contains RunArguments.No_Retrain with
    | true, true -> Error "--retrain and --no-retrain: expected one of them"
    | true, false when not (Scenario.changes scenario) ->
        Error $"--retrain: the system of scenario {scenario.Name} does not change, so there is nothing to retrain for"
    | true, false -> ScenarioTraining.checkLibTorch () |> Result.map (fun () -> true)
    | false, false when
        scenario.Experiment.Retrains
        && scenario.Experiment.ChangeAt < scenario.Experiment.Cycles
        ->
        match ScenarioTraining.checkLibTorch () with
        | Ok() -> Ok true
        | Error message ->
            eprintfn $"retrained policies are left out: {message}"
            Ok false
    | false, _ -> Ok false

/// The experiment, unless Ctrl-C is pressed.
let private results (arguments: ParseResults<RunArguments>) scenario traces threads retrains =
    try
        Terminal.untilInterrupted Terminal.atNextStep (fun cancellation ->
            let retrained =
                if retrains then
                    Retraining.policies scenario traces threads cancellation
                else
                    Map.empty

            let runs =
                scenario.Experiment.Seeds
                * List.length (Contenders.ofScenario scenario (not retrained.IsEmpty))

            let result =
                Terminal.withProgress $"{scenario.Name}: {runs} runs" (runs * scenario.Experiment.Cycles) (fun step ->
                    Experiment.run scenario traces retrained threads step cancellation)
                |> _.GetAwaiter().GetResult()

            if scenario.Experiment.PlanningStudy.IsSome then
                eprintfn $"{scenario.Name}: planning on the known system"

            PlanningStudy.ofScenario cancellation scenario
            |> Result.map (fun study -> ExperimentResults.ofExperiment (command arguments) study result))
    with :? OperationCanceledException ->
        Error "stopped before the end; nothing was written"

let private write (arguments: ParseResults<RunArguments>) (results: ExperimentResults) =
    let outcome = results.Outcome

    let directory =
        arguments.GetResult(RunArguments.Out, Path.Combine("results", outcome.Settings.Scenario))

    ResultFile.write directory results (Report.html results)
    ReportTerminal.show outcome
    printfn $"report: {Path.GetFullPath(ResultFile.report directory)}"

let private execute (arguments: ParseResults<RunArguments>) scenario traces retrains =
    let threads = arguments.GetResult(RunArguments.Threads, Environment.ProcessorCount)

    if threads < 1 then
        Error $"--threads: {threads}; expected at least 1"
    else
        results arguments scenario traces threads retrains
        |> Result.map (write arguments)

let run (arguments: ParseResults<RunArguments>) =
    result {
        let! scenario = Scenario.load (arguments.GetResult RunArguments.Scenario)
        let! scenario = configured arguments scenario
        let! traces = Traces.read scenario
        RecordedUnits.doubts scenario |> List.iter Terminal.tell
        let! retrains = retrains arguments scenario
        return! execute arguments scenario traces retrains
    }
