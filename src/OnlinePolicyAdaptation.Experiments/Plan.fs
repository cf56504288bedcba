/// Planning on the decision problem of a scenario: from a request to values and decisions, without files.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.Plan

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning

/// Points of the operator T in Newton-step data.
let private newtonPoints = 31

/// A base policy that has one action in each state.
let basePolicy (problem: PlanningProblem) choice : Result<FinitePolicy, string> =
    match choice with
    | PlannedBase.Greedy ->
        Ok(NetworkModel.greedy problem.Scenario.System.Grid GreedyPolicy.DefaultMoveCharge problem.Model)
    | PlannedBase.Table(source, actions) ->
        FinitePolicy.ofActions problem.Model actions
        |> Result.mapError (fun message -> $"{source}: {message}")
    | PlannedBase.Random -> Error "the random policy has no one action in each state; expected greedy or a table"

let private number (value: float) =
    value.ToString("0.##e0", System.Globalization.CultureInfo.InvariantCulture)

/// Of the largest value: what is exact to be called so.
let private exactness = 1e-9

let private size (values: float[]) =
    values |> Array.fold (fun largest value -> max largest (abs value)) 0.0

/// The values of a process that are exact, or how far they are known.
let private exactValues (problem: PlanningProblem) chain =
    let discount = problem.Scenario.Goal.Discount
    let evaluated = PolicyEvaluation.bounded discount chain

    if evaluated.ErrorBound <= exactness * (1.0 + size evaluated.Values) then
        Ok evaluated.Values
    else
        Error
            $"the base policy's value is known to within {number evaluated.ErrorBound} only, at discount {discount.Value}; expected a smaller discount, or fewer configurations"

/// J_mu of a base policy, exact.
let baseValues (problem: PlanningProblem) choice =
    match choice with
    | PlannedBase.Random ->
        RandomizedPolicy.uniform problem.Model
        |> RewardProcess.ofRandomizedPolicy problem.Model
        |> exactValues problem
    | _ ->
        basePolicy problem choice
        |> Result.bind (RewardProcess.ofPolicy problem.Model >> exactValues problem)

/// The policy that keeps every configuration.
let private hold (problem: PlanningProblem) =
    let grid = problem.Scenario.System.Grid

    Array.create problem.Model.StateCount (grid.IndexOf(ControlAction.Keep grid.Controls.Count))
    |> FinitePolicy.ofActions problem.Model
    |> Result.map (PolicyEvaluation.exact problem.Model problem.Scenario.Goal.Discount)

let private terminalValues (problem: PlanningProblem) basePolicy terminal =
    match terminal with
    | TerminalValues.Exact ->
        baseValues problem basePolicy
        |> Result.map (fun values -> values, PlanSolution.OfBase)
    | TerminalValues.Best ->
        baseValues problem basePolicy
        |> Result.bind (fun given ->
            baseValues problem PlannedBase.Greedy
            |> Result.bind (fun greedy ->
                hold problem
                |> Result.map (fun hold -> Rollout.bestOf [ given; greedy; hold ], PlanSolution.OfBest)))
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
        StandardErrors = [||]
    }

/// The decision in a state by values that are known to more digits than floats have.
let private exactly (problem: PlanningProblem) values remainders =
    let terminal = { Highs = values; Lows = remainders }

    let decide =
        Lookahead.decideExtended problem.Model problem.Scenario.Goal.Discount terminal

    fun state ->
        let decision = decide state

        {
            State = state
            Action = decision.Action
            Value = decision.Value
            QFactors = overAllActions problem state decision.QFactors
            StandardErrors = [||]
        }

/// What sweeps came to, where that is not what they were asked for.
let private unreached name theta (discount: Discount) (swept: SweptValues) =
    let asked = theta / (1.0 - discount.Value)
    let found = $"every value is within {number swept.ErrorBound} of the optimum"

    let wanted = $"theta = {theta} asks for {number asked} at discount {discount.Value}"

    match swept.End with
    | SweepsEnd.Reached -> None
    | SweepsEnd.Rounding ->
        let least = swept.ErrorBound * (1.0 - discount.Value)

        Some
            $"{name}: {found}, and floating-point numbers of their size get no nearer; {wanted}; expected theta of at least {number (1.01 * least)}"
    | SweepsEnd.MostSweeps ->
        Some
            $"{name}: after {swept.Changes.Length} sweeps, as many as there may be, {found}; {wanted}; expected more sweeps, a larger theta, or policy iteration (policy-iteration)"

/// Policy iteration that is exact, or how far it came.
let private exactSolution (problem: PlanningProblem) =
    let discount = problem.Scenario.Goal.Discount

    let solution = DynamicProgramming.policyIteration problem.Model discount

    if solution.ErrorBound <= exactness * (1.0 + size solution.Values) then
        Ok solution
    else
        Error
            $"policy iteration: every value is within {number solution.ErrorBound} of the optimum, and is known no nearer at discount {discount.Value}; expected a smaller discount, or fewer configurations"

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
            StandardErrors = [||]
        }

/// The base policy's action in a state; the random one draws by the key.
let private acting (problem: PlanningProblem) choice =
    let model = problem.Model

    match choice with
    | PlannedBase.Random ->
        Ok(fun state (key: RandomKey) ->
            let first = model.FirstChoice[state]
            let mutable sequence = key.Sequence()
            model.Actions[first + sequence.NextInt(model.FirstChoice[state + 1] - first)])
    | _ ->
        basePolicy problem choice
        |> Result.map (fun policy -> fun state _ -> model.Actions[policy[state]])

let private truncation (problem: PlanningProblem) (settings: SampledSettings) (values: float[]) act =
    {
        Model = FiniteModel.sampled problem.Model
        Discount = problem.Scenario.Goal.Discount
        BasePolicy = act
        Steps = settings.Steps
        Terminal = fun state -> values[state]
    }

/// The moves of the controls, by action numbers.
let private composed (grid: ControlGrid) =
    {
        Mask = fun state -> grid.Mask(grid.ConfigurationAt state)
        Choice = fun action control -> (grid.ActionAt action).Choice control
        WithChoice = fun action control choice -> grid.IndexOf((grid.ActionAt action).With(control, choice))
    }

/// What was sampled in a state, spread over all actions of the grid.
let private sampledDecision (problem: PlanningProblem) (settings: SampledSettings) state decision =
    let chosen =
        match settings.StandardErrors with
        | Some errors -> SampledRollout.fortified errors decision
        | None -> decision.Best

    let over value =
        let all = Array.create problem.Scenario.System.Grid.ActionCount ValueNone

        for candidate in decision.Candidates do
            all[candidate.Action] <- value candidate.QFactor

        all

    {
        State = state
        Action = chosen.Action
        Value = chosen.QFactor.Mean
        QFactors = over (fun q -> ValueSome q.Mean)
        StandardErrors =
            over (fun q ->
                if q.Samples > 1 then
                    ValueSome q.StandardError
                else
                    ValueNone)
    }

let private sampledRollout problem (settings: SampledSettings) values act =
    let truncation = truncation problem settings values act

    let sampling =
        {
            Trajectories = settings.Trajectories
            Screening = settings.Screening |> Option.toValueOption
            Threads = settings.Threads
        }

    fun (state: int) ->
        SampledRollout.decide truncation sampling (RandomKey(settings.Seed).Split state) state
        |> sampledDecision problem settings state

let private sampledMultiagent problem (settings: SampledSettings) values act =
    let grid = problem.Scenario.System.Grid
    let truncation = truncation problem settings values act
    let order = Array.init grid.Controls.Count id

    fun (state: int) ->
        SampledMultiagentRollout.decide
            truncation
            (composed grid)
            order
            settings.Trajectories
            (RandomKey(settings.Seed).Split state)
            state
        |> sampledDecision problem settings state

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

/// What is wrong with settings for sampling.
let private checkSampling (problem: PlanningProblem) (settings: SampledSettings) =
    let actions = (ProblemSize.ofGrid problem.Scenario.System.Grid).Actions
    let most = ProblemSize.mostBytes / (int64 sizeof<float> * actions)

    match settings.Screening, settings.StandardErrors with
    | _ when settings.Trajectories < 1 -> Error $"trajectories: {settings.Trajectories}; expected at least 1"
    | _ when int64 settings.Trajectories > most ->
        Error $"trajectories: {settings.Trajectories}; expected at most {most} for each of {actions} actions"
    | _ when settings.Steps < 0 -> Error $"steps: {settings.Steps}; expected at least 0"
    | _ when settings.Threads < 1 -> Error $"threads: {settings.Threads}; expected at least 1"
    | Some screening, _ when not (screening.Indifference > 0.0) ->
        Error $"indifference: {screening.Indifference}; expected a number above 0"
    | Some screening, _ when not (screening.ErrorProbability > 0.0 && screening.ErrorProbability < 1.0) ->
        Error $"error probability: {screening.ErrorProbability}; expected a number above 0 and below 1"
    | Some screening, _ when screening.FirstStage < 2 ->
        Error $"first stage: {screening.FirstStage} samples; expected at least 2"
    | _, Some errors when not (errors >= 0.0) -> Error $"standard errors: {errors}; expected a number of 0 or more"
    | _ -> Ok()

/// Values and decisions for a request, or what is wrong with it. Ends with an OperationCanceledException once the token of the
/// problem's model is cancelled. Sweeps tell how far they are.
let runTelling (progress: SweepProgress -> unit) (problem: PlanningProblem) (request: PlanRequest) =
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

    let sampled (settings: SampledSettings) by =
        checkSampling problem settings
        |> Result.bind (fun () -> terminalValues problem settings.Base settings.Terminal)
        |> Result.bind (fun (values, solution) ->
            acting problem settings.Base
            |> Result.bind (fun act -> decided values solution (by problem settings values act)))

    let settings theta most =
        {
            Theta = theta
            MostSweeps = most
            Progress = progress
        }

    let swept name theta (solution: SweptValues) =
        match unreached name theta discount solution with
        | Some message -> Error message
        | None ->
            decided solution.Values (PlanSolution.Swept solution) (exactly problem solution.Values solution.Remainders)

    let planned =
        match request.Algorithm with
        | PlanAlgorithm.ValueIteration(_, theta, most)
        | PlanAlgorithm.ModifiedPolicyIteration(_, theta, most) when not (theta > 0.0) || most < 1 ->
            if most < 1 then
                Error $"sweeps at most: {most}; expected at least 1"
            else
                Error $"theta: {theta}; expected a number above 0"
        | PlanAlgorithm.ValueIteration(sweeps, theta, most) ->
            DynamicProgramming.valueIteration sweeps (settings theta most) model discount
            |> swept "value iteration" theta
        | PlanAlgorithm.PolicyIteration ->
            exactSolution problem
            |> Result.bind (fun solution ->
                decided
                    solution.Values
                    (PlanSolution.Iterated solution)
                    (exactly problem solution.Values solution.Remainders))
        | PlanAlgorithm.ModifiedPolicyIteration(evaluations, _, _) when evaluations < 0 ->
            Error $"evaluations: {evaluations}; expected at least 0"
        | PlanAlgorithm.ModifiedPolicyIteration(evaluations, theta, most) ->
            DynamicProgramming.modifiedPolicyIteration evaluations (settings theta most) model discount
            |> swept "modified policy iteration" theta
        | PlanAlgorithm.SampledRollout settings -> sampled settings sampledRollout
        | PlanAlgorithm.SampledMultiagent settings -> sampled settings sampledMultiagent
        | PlanAlgorithm.Lookahead settings
        | PlanAlgorithm.Rollout settings ->
            horizonOf settings
            |> Result.bind (fun horizon ->
                terminalValues problem settings.Base settings.Terminal
                |> Result.bind (fun (values, solution) -> decided values solution (lookahead problem horizon values)))
        | PlanAlgorithm.Multiagent settings ->
            horizonOf settings
            |> Result.bind (fun horizon ->
                basePolicy problem settings.Base
                |> Result.mapError (fun message -> $"multiagent rollout: {message}")
                |> Result.bind (fun policy ->
                    terminalValues problem settings.Base settings.Terminal
                    |> Result.bind (fun (values, solution) ->
                        decided values solution (multiagent problem horizon policy values))))
        | PlanAlgorithm.Newton choice ->
            basePolicy problem choice
            |> Result.mapError (fun message -> $"Newton step: {message}")
            |> Result.bind (fun policy -> exactSolution problem |> Result.map (fun optimal -> policy, optimal.Values))
            |> Result.map (fun (policy, optimal) ->
                let values = PolicyEvaluation.exact model discount policy
                let newton = NewtonStep.at model discount optimal newtonPoints policy
                result values PlanSolution.OfBase (lookahead problem 1 values) (newton >> Some))

    planned
    |> Result.bind (fun plan -> requestedStates problem request |> Result.map plan)

/// The same, quietly.
let run problem request = runTelling ignore problem request
