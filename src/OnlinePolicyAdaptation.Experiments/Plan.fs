/// Planning on the decision problem of a scenario: from a request to values and decisions, without files.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Plan

open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning

/// Points of the operator T in Newton-step data.
let private newtonPoints = 31

/// A base policy that has one action in each state.
let basePolicy (problem: PlanningProblem) choice : Result<FinitePolicy, string> =
    match choice with
    | BasePolicy.Greedy ->
        Ok(NetworkModel.greedy problem.Scenario.System.Grid GreedyPolicy.DefaultMoveCharge problem.Model)
    | BasePolicy.Table(source, actions) ->
        FinitePolicy.ofActions problem.Model actions
        |> Result.mapError (fun message -> $"{source}: {message}")
    | BasePolicy.Random -> Error "the random policy has no one action in each state; expected greedy or a table"

/// J_mu of a base policy, exact.
let baseValues (problem: PlanningProblem) choice =
    let discount = problem.Scenario.Goal.Discount

    match choice with
    | BasePolicy.Random ->
        RandomizedPolicy.uniform problem.Model
        |> RewardProcess.ofRandomizedPolicy problem.Model
        |> PolicyEvaluation.exactOf discount
        |> Ok
    | _ ->
        basePolicy problem choice
        |> Result.map (PolicyEvaluation.exact problem.Model discount)

let private terminalValues (problem: PlanningProblem) (settings: LookaheadSettings) =
    match settings.Terminal with
    | TerminalValues.Exact ->
        baseValues problem settings.Base
        |> Result.map (fun values -> values, PlanSolution.OfBase)
    | TerminalValues.Given(source, values) when values.Length <> problem.Model.StateCount ->
        Error $"{source}: {values.Length} values; expected one for each of {problem.Model.StateCount} states"
    | TerminalValues.Given(_, values) -> Ok(values, PlanSolution.Given)

/// Q-factors of admissible actions, spread over all actions of the grid.
let private overAllActions (problem: PlanningProblem) state (qFactors: float[]) =
    let model = problem.Model
    let all = Array.create problem.Scenario.System.Grid.ActionCount ValueNone
    let first = model.FirstChoice[state]

    qFactors
    |> Array.iteri (fun i q -> all[model.Actions[first + i]] <- ValueSome q)

    all

let private lookahead (problem: PlanningProblem) horizon values state =
    let decision =
        Lookahead.decide problem.Model problem.Scenario.Goal.Discount horizon values ValueNone state

    {
        State = state
        Action = decision.Action
        Value = decision.Value
        QFactors = overAllActions problem state decision.QFactors
    }

/// The multiagent decision, with the Q-factors of the values that its components were chosen by.
let private multiagent (problem: PlanningProblem) horizon basePolicy values =
    let model = problem.Model
    let discount = problem.Scenario.Goal.Discount
    let components = ActionComponents.ofGrid problem.Scenario.System.Grid
    let order = ActionComponents.naturalOrder components

    let oneStep =
        MultiagentRollout.policy model discount components order 1 basePolicy values

    let leaves =
        (values, [ 2..horizon ])
        ||> List.fold (fun values _ -> Bellman.ofPolicy model discount oneStep values)

    fun state ->
        let decision =
            MultiagentRollout.decide model discount components order horizon basePolicy values state

        {
            State = state
            Action = decision.Action
            Value = decision.Value
            QFactors = Bellman.qFactors model discount leaves state |> overAllActions problem state
        }

let private requestedStates (problem: PlanningProblem) (request: PlanRequest) =
    let count = problem.Model.StateCount

    match request.States with
    | None -> Ok [| 0 .. count - 1 |]
    | Some states ->
        match states |> Array.tryFind (fun state -> state < 0 || state >= count) with
        | Some wrong -> Error $"state {wrong} does not exist; expected 0 to {count - 1}"
        | None -> Ok states

let private horizonOf (settings: LookaheadSettings) =
    if settings.Horizon >= 1 then
        Ok settings.Horizon
    else
        Error $"lookahead: {settings.Horizon}; expected at least 1"

/// Values and decisions for a request, or what is wrong with it.
let run (problem: PlanningProblem) (request: PlanRequest) =
    let model = problem.Model
    let discount = problem.Scenario.Goal.Discount

    let result values solution decide newton states =
        {
            Request = request
            Solution = solution
            Values = values
            Decisions = states |> Array.map decide
            NewtonSteps = states |> Array.choose newton
        }

    let decided values solution decide =
        Ok(result values solution decide (fun _ -> None))

    let planned =
        match request.Algorithm with
        | PlanAlgorithm.ValueIteration(_, theta) when not (theta > 0.0) ->
            Error $"theta: {theta}; expected a number above 0"
        | PlanAlgorithm.ValueIteration(sweeps, theta) ->
            let solution = DynamicProgramming.valueIteration sweeps theta model discount
            decided solution.Values (PlanSolution.Swept solution) (lookahead problem 1 solution.Values)
        | PlanAlgorithm.PolicyIteration ->
            let solution = DynamicProgramming.policyIteration model discount
            decided solution.Values (PlanSolution.Iterated solution) (lookahead problem 1 solution.Values)
        | PlanAlgorithm.Lookahead settings
        | PlanAlgorithm.Rollout settings ->
            horizonOf settings
            |> Result.bind (fun horizon ->
                terminalValues problem settings
                |> Result.bind (fun (values, solution) -> decided values solution (lookahead problem horizon values)))
        | PlanAlgorithm.Multiagent settings ->
            horizonOf settings
            |> Result.bind (fun horizon ->
                basePolicy problem settings.Base
                |> Result.mapError (fun message -> $"multiagent rollout: {message}")
                |> Result.bind (fun policy ->
                    terminalValues problem settings
                    |> Result.bind (fun (values, solution) ->
                        decided values solution (multiagent problem horizon policy values))))
        | PlanAlgorithm.Newton choice ->
            basePolicy problem choice
            |> Result.mapError (fun message -> $"Newton step: {message}")
            |> Result.map (fun policy ->
                let values = PolicyEvaluation.exact model discount policy
                let optimal = (DynamicProgramming.policyIteration model discount).Values
                let newton = NewtonStep.at model discount optimal newtonPoints policy
                result values PlanSolution.OfBase (lookahead problem 1 values) (newton >> Some))

    planned
    |> Result.bind (fun plan -> requestedStates problem request |> Result.map plan)
