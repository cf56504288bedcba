/// opar plan: values and decisions of a planning algorithm on a scenario's decision problem.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Cli.PlanCommand

open System
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

let private basePolicy (arguments: ParseResults<PlanArguments>) count =
    match arguments.GetResult(PlanArguments.Base, "greedy") with
    | "greedy" -> Ok BasePolicy.Greedy
    | "random" -> Ok BasePolicy.Random
    | path ->
        PlanFile.readActions path count
        |> Result.map (fun actions -> BasePolicy.Table(path, actions))

let private terminal (arguments: ParseResults<PlanArguments>) count =
    match arguments.GetResult(PlanArguments.Terminal, "exact") with
    | "exact" -> Ok TerminalValues.Exact
    | path ->
        PlanFile.readValues path count
        |> Result.map (fun values -> TerminalValues.Given(path, values))

let private lookahead (arguments: ParseResults<PlanArguments>) count =
    basePolicy arguments count
    |> Result.bind (fun basePolicy ->
        terminal arguments count
        |> Result.map (fun terminal ->
            {
                Horizon = arguments.GetResult(PlanArguments.Lookahead, 1)
                Base = basePolicy
                Terminal = terminal
            }))

/// Reads the algorithm with the options that it uses; tells by name those that it does not.
let private algorithm (arguments: ParseResults<PlanArguments>) =
    let sweeps =
        arguments.GetResult(PlanArguments.Sweeps, "gauss-seidel")
        |> oneOf arguments "--sweeps" [ "gauss-seidel", Sweeps.GaussSeidel; "jacobi", Sweeps.Jacobi ]

    let theta = arguments.GetResult(PlanArguments.Theta, 1e-9)
    let ahead = [ "--lookahead"; "--base"; "--terminal" ]

    arguments.GetResult PlanArguments.Algorithm
    |> oneOf
        arguments
        "--algorithm"
        [
            "value-iteration", ([ "--theta"; "--sweeps" ], (fun _ -> Ok(PlanAlgorithm.ValueIteration(sweeps, theta))))
            "policy-iteration", ([], (fun _ -> Ok PlanAlgorithm.PolicyIteration))
            "lookahead", (ahead, lookahead arguments >> Result.map PlanAlgorithm.Lookahead)
            "rollout", (ahead, lookahead arguments >> Result.map PlanAlgorithm.Rollout)
            "multiagent", (ahead, lookahead arguments >> Result.map PlanAlgorithm.Multiagent)
            "newton", ([ "--base" ], basePolicy arguments >> Result.map PlanAlgorithm.Newton)
        ]

let private warnOfUnused (arguments: ParseResults<PlanArguments>) used =
    let given =
        [
            "--lookahead", arguments.Contains PlanArguments.Lookahead
            "--base", arguments.Contains PlanArguments.Base
            "--terminal", arguments.Contains PlanArguments.Terminal
            "--theta", arguments.Contains PlanArguments.Theta
            "--sweeps", arguments.Contains PlanArguments.Sweeps
        ]

    for name, isGiven in given do
        if isGiven && not (List.contains name used) then
            eprintfn $"opar: {name} has no effect on {arguments.GetResult PlanArguments.Algorithm}"

let run (arguments: ParseResults<PlanArguments>) =
    let out = arguments.GetResult PlanArguments.Out
    let used, algorithm = algorithm arguments

    Scenario.load (arguments.GetResult PlanArguments.Scenario)
    |> Result.bind (fun scenario ->
        states arguments
        |> Result.bind (fun states ->
            algorithm scenario.System.Grid.ConfigurationCount
            |> Result.bind (fun algorithm ->
                PlanningProblem.load scenario (arguments.TryGetResult PlanArguments.Delay_Table)
                |> Result.bind (fun problem ->
                    Plan.run
                        problem
                        {
                            Algorithm = algorithm
                            States = states
                        }
                    |> Result.map (fun result ->
                        warnOfUnused arguments used
                        PlanFile.write out problem result
                        printfn $"{Path.GetFullPath out}: {result.Decisions.Length} decisions")))))
