/// opar plan: values and decisions of a planning algorithm on a scenario's decision problem.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.PlanCommand

open System
open FsToolkit.ErrorHandling
open System.IO
open Argu
open OnlinePolicyAdaptation.Experiments
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Planning

/// The option's word among those it may be; another one is a misuse of the command.
let private oneOf (arguments: ParseResults<PlanArguments>) option (words: (string * 'a) list) (word: string) : 'a =
    match words |> List.tryFind (fst >> (=) word) with
    | Some(_, meaning) -> meaning
    | None ->
        let expected = words |> List.map fst |> String.concat ", "
        arguments.Raise($"{option}: '{word}'; expected one of {expected}", ErrorCode.CommandLine, showUsage = false)

let private numbers (text: string) =
    let parts = text.Split(',', StringSplitOptions.TrimEntries)

    match parts |> Array.tryFind (fun part -> not (fst (Int32.TryParse part))) with
    | Some wrong -> Error $"--states: '{wrong}' is not a number; expected all, or states such as 0,2,4"
    | None -> Ok(Some(parts |> Array.map int))

let private states (arguments: ParseResults<PlanArguments>) =
    match arguments.GetResult(PlanArguments.States, "all") with
    | "all" -> Ok None
    | text -> numbers text

/// What one of these words means; any other word is a file.
let private wordOrFile words read (word: string) =
    match words |> List.tryFind (fst >> (=) word) with
    | Some(_, meaning) -> Ok meaning
    | None -> read word

let private basePolicy (arguments: ParseResults<PlanArguments>) count =
    arguments.GetResult(PlanArguments.Base, "greedy")
    |> wordOrFile [ "greedy", PlannedBase.Greedy; "random", PlannedBase.Random ] (fun path ->
        PlanFile.readActions path count
        |> Result.map (fun actions -> PlannedBase.Table(path, actions)))

let private terminal (arguments: ParseResults<PlanArguments>) count =
    arguments.GetResult(PlanArguments.Terminal, "exact")
    |> wordOrFile [ "exact", TerminalValues.Exact; "best", TerminalValues.Best ] (fun path ->
        PlanFile.readValues path count
        |> Result.map (fun values -> TerminalValues.Given(path, values)))

let private baseAndTerminal (arguments: ParseResults<PlanArguments>) count =
    basePolicy arguments count
    |> Result.bind (fun basePolicy -> terminal arguments count |> Result.map (fun terminal -> basePolicy, terminal))

let private lookahead (arguments: ParseResults<PlanArguments>) count =
    baseAndTerminal arguments count
    |> Result.map (fun (basePolicy, terminal) ->
        {
            Horizon = arguments.GetResult(PlanArguments.Lookahead, 1)
            Base = basePolicy
            Terminal = terminal
        })

/// Samples of every action before screening drops the first.
let private firstStage = 10

let private sampled (arguments: ParseResults<PlanArguments>) count : Result<SampledSettings, string> =
    baseAndTerminal arguments count
    |> Result.map (fun (basePolicy, terminal) ->
        {
            Base = basePolicy
            Terminal = terminal
            Steps = arguments.GetResult(PlanArguments.Steps, 20)
            Trajectories = arguments.GetResult(PlanArguments.Trajectories, 100)
            Seed = arguments.GetResult(PlanArguments.Seed, 1UL)
            Screening =
                arguments.TryGetResult PlanArguments.Indifference
                |> Option.map (fun indifference ->
                    {
                        FirstStage = firstStage
                        ErrorProbability = arguments.GetResult(PlanArguments.Error_Probability, 0.05)
                        Indifference = indifference
                    })
            StandardErrors = arguments.TryGetResult PlanArguments.Standard_Errors
            Threads = Environment.ProcessorCount
        })

let private algorithmName (arguments: ParseResults<PlanArguments>) =
    arguments.GetResult(PlanArguments.Algorithm, "policy-iteration")

/// Says every few seconds how far sweeps are.
let private tellSweeps () =
    let clock = TimeProvider.System
    let mutable last = clock.GetTimestamp()

    fun (progress: SweepProgress) ->
        if clock.GetElapsedTime(last).TotalSeconds >= 2.0 then
            last <- clock.GetTimestamp()
            Terminal.tell $"{progress.Sweeps} sweeps: every value is within {progress.ErrorBound:g3} of the optimum"

/// Reads the algorithm with the options that it uses; tells by name those that it does not.
let private algorithm (arguments: ParseResults<PlanArguments>) =
    let sweeps =
        arguments.GetResult(PlanArguments.Sweeps, "gauss-seidel")
        |> oneOf arguments "--sweeps" [ "gauss-seidel", Sweeps.GaussSeidel; "jacobi", Sweeps.Jacobi ]

    let theta = arguments.GetResult(PlanArguments.Theta, 1e-9)
    let most = arguments.GetResult(PlanArguments.Most_Sweeps, SweepSettings.mostSweeps)

    let evaluations = arguments.GetResult(PlanArguments.Evaluations, 10)
    let ahead = [ "--lookahead"; "--base"; "--terminal" ]

    let sampling =
        [
            "--base"
            "--terminal"
            "--steps"
            "--trajectories"
            "--seed"
            "--standard-errors"
        ]

    algorithmName arguments
    |> oneOf
        arguments
        "--algorithm"
        [
            "value-iteration",
            ([ "--theta"; "--sweeps"; "--most-sweeps" ],
             (fun _ -> Ok(PlanAlgorithm.ValueIteration(sweeps, theta, most))))
            "policy-iteration", ([], (fun _ -> Ok PlanAlgorithm.PolicyIteration))
            "modified-policy-iteration",
            ([ "--theta"; "--evaluations"; "--most-sweeps" ],
             (fun _ -> Ok(PlanAlgorithm.ModifiedPolicyIteration(evaluations, theta, most))))
            "lookahead", (ahead, lookahead arguments >> Result.map PlanAlgorithm.Lookahead)
            "rollout", (ahead, lookahead arguments >> Result.map PlanAlgorithm.Rollout)
            "multiagent", (ahead, lookahead arguments >> Result.map PlanAlgorithm.Multiagent)
            "newton", ([ "--base" ], basePolicy arguments >> Result.map PlanAlgorithm.Newton)
            "sampled-rollout",
            (sampling @ [ "--indifference"; "--error-probability" ],
             sampled arguments >> Result.map PlanAlgorithm.SampledRollout)
            "sampled-multiagent", (sampling, sampled arguments >> Result.map PlanAlgorithm.SampledMultiagent)
        ]

let private warnOfUnused (arguments: ParseResults<PlanArguments>) used =
    let given =
        [
            "--lookahead", arguments.Contains PlanArguments.Lookahead
            "--base", arguments.Contains PlanArguments.Base
            "--terminal", arguments.Contains PlanArguments.Terminal
            "--theta", arguments.Contains PlanArguments.Theta
            "--sweeps", arguments.Contains PlanArguments.Sweeps
            "--most-sweeps", arguments.Contains PlanArguments.Most_Sweeps
            "--evaluations", arguments.Contains PlanArguments.Evaluations
            "--steps", arguments.Contains PlanArguments.Steps
            "--trajectories", arguments.Contains PlanArguments.Trajectories
            "--seed", arguments.Contains PlanArguments.Seed
            "--standard-errors", arguments.Contains PlanArguments.Standard_Errors
            "--indifference", arguments.Contains PlanArguments.Indifference
            "--error-probability", arguments.Contains PlanArguments.Error_Probability
        ]

    for name, isGiven in given do
        if isGiven && not (List.contains name used) then
            eprintfn $"opar: {name} has no effect on {algorithmName arguments}"

let private planned (arguments: ParseResults<PlanArguments>) algorithm cancellation =
    result {
        let! scenario = Scenario.load (arguments.GetResult PlanArguments.Scenario)
        let! states = states arguments

        let! problem =
            PlanningProblem.loadUntil cancellation scenario (arguments.TryGetResult PlanArguments.Delay_Table)

        let! algorithm = algorithm problem.Model.StateCount

        let! result =
            Plan.runTelling
                (tellSweeps ())
                problem
                {
                    Algorithm = algorithm
                    States = states
                }

        return problem, result
    }

let run (arguments: ParseResults<PlanArguments>) =
    let out = arguments.GetResult PlanArguments.Out
    let used, algorithm = algorithm arguments

    try
        Terminal.untilInterrupted Terminal.atOnce (planned arguments algorithm)
        |> Result.map (fun (problem, result) ->
            warnOfUnused arguments used
            PlanFile.write out problem result
            printfn $"{Path.GetFullPath out}: {result.Decisions.Length} decisions")
    with :? OperationCanceledException ->
        Error "stopped before the end; nothing was written"
