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

/// The value of a process that is exact, or how far it is known.
let private exactValues (problem: PlanningProblem) chain =
    let discount = problem.Scenario.Goal.Discount
    let evaluated = PolicyEvaluation.bounded discount chain

    if evaluated.ErrorBound <= exactness * (1.0 + size evaluated.Values) then
        Ok evaluated
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
    |> Result.bind (RewardProcess.ofPolicy problem.Model >> exactValues problem)

/// Values at the leaves.
type private EvaluatedLeaves =
    {
        Values: float[]
        Extended: ExtendedValues
        Solution: PlanSolution
    }

let private ofEvaluated (evaluated: EvaluatedPolicy) =
    {
        Values = evaluated.Values
        Extended =
            {
                Highs = evaluated.Values
                Lows = evaluated.Remainders
            }
        Solution = PlanSolution.OfBase
    }

let private ofFloats solution values =
    {
        Values = values
        Extended = ExtendedValues.ofFloats values
        Solution = solution
    }

/// In each state the largest.
let private bestOf (evaluated: EvaluatedPolicy list) =
    let better (a: EvaluatedPolicy) (b: EvaluatedPolicy) =
        let isBetter =
            Array.init a.Values.Length (fun state ->
                struct (b.Values[state], b.Remainders[state]) > struct (a.Values[state], a.Remainders[state]))

        let select x y =
            Array.mapi2 (fun state x y -> if isBetter[state] then y else x) x y

        { a with
            Values = select a.Values b.Values
            Remainders = select a.Remainders b.Remainders
        }

    { ofEvaluated (evaluated |> List.reduce better) with
        Solution = PlanSolution.OfBest
    }

let private terminalValues (problem: PlanningProblem) basePolicy terminal =
    match terminal with
    | TerminalValues.Exact -> baseValues problem basePolicy |> Result.map ofEvaluated
    | TerminalValues.Best ->
        baseValues problem basePolicy
        |> Result.bind (fun given ->
            baseValues problem PlannedBase.Greedy
            |> Result.bind (fun greedy -> hold problem |> Result.map (fun hold -> bestOf [ given; greedy; hold ])))
    | TerminalValues.Given(source, values) when values.Length <> problem.Model.StateCount ->
        Error $"{source}: {values.Length} values; expected one for each of {problem.Model.StateCount} states"
    | TerminalValues.Given(_, values) -> Ok(ofFloats PlanSolution.Given values)

/// Q-factors of admissible actions, spread over all actions of the grid.
let private overAllActions (problem: PlanningProblem) state (qFactors: float[]) =
    let model = problem.Model
    let all = Array.create problem.Scenario.System.Grid.ActionCount ValueNone
    let first = model.FirstChoice[state]

    qFactors
    |> Array.iteri (fun i q -> all[model.Actions[first + i]] <- ValueSome q)

    all

let private decided (problem: PlanningProblem) decide state =
    let decision: LookaheadDecision = decide state

    {
        State = state
        Action = decision.Action
        Value = decision.Value
        QFactors = overAllActions problem state decision.QFactors
        StandardErrors = [||]
    }

let private lookahead (problem: PlanningProblem) horizon terminal =
    let model = problem.Model
    let leaves = RelativeValues.within model horizon terminal.Extended

    decided problem (fun state ->
        Lookahead.decideRelative model problem.Scenario.Goal.Discount horizon (leaves.From state) ValueNone state)

/// The decision in a state by values that are known to more digits than floats have.
let private exactly (problem: PlanningProblem) values remainders =
    let terminal = { Highs = values; Lows = remainders }

    Lookahead.decideExtended problem.Model problem.Scenario.Goal.Discount terminal
    |> decided problem

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
let private multiagent (problem: PlanningProblem) horizon basePolicy terminal =
    let model = problem.Model
    let discount = problem.Scenario.Goal.Discount
    let components = ActionComponents.ofGrid problem.Scenario.System.Grid
    let order = ActionComponents.naturalOrder components
    let within = RelativeValues.within model horizon terminal.Extended

    /// What the values at the leaves become by following the one-step policy to the last step.
    let followed =
        let of' (leaves: RelativeValues) =
            let oneStep =
                MultiagentRollout.policy model discount components order 1 basePolicy leaves.Distances

            (leaves.Distances, [ 2..horizon ])
            ||> List.fold (fun values _ -> Bellman.ofPolicy model discount oneStep values)

        match within.Shared with
        | ValueSome shared ->
            let values = of' shared
            fun _ -> values
        | ValueNone -> of'

    fun state ->
        let leaves = within.From state
        let absolute = RelativeValues.qFactor discount horizon leaves

        let decision =
            MultiagentRollout.decide model discount components order horizon basePolicy leaves.Distances state

        {
            State = state
            Action = decision.Action
            Value = absolute decision.Value
            QFactors =
                Bellman.qFactors model discount (followed leaves) state
                |> Array.map absolute
                |> overAllActions problem state
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

let private truncation (problem: PlanningProblem) (settings: SampledSettings) (leaves: RelativeValues) act =
    {
        Model = FiniteModel.sampled problem.Model
        Discount = problem.Scenario.Goal.Discount
        BasePolicy = act
        Steps = settings.Steps
        Terminal = fun state -> leaves.Distances[state]
    }

/// The moves of the controls, by action numbers.
let private composed (grid: ControlGrid) =
    {
        Mask = fun state -> grid.Mask(grid.ConfigurationAt state)
        Choice = fun action control -> (grid.ActionAt action).Choice control
        WithChoice = fun action control choice -> grid.IndexOf((grid.ActionAt action).With(control, choice))
    }

/// What was sampled in a state, spread over all actions of the grid.
let private sampledDecision (problem: PlanningProblem) (settings: SampledSettings) leaves state decision =
    let absolute =
        RelativeValues.qFactor problem.Scenario.Goal.Discount (settings.Steps + 1) leaves

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
        Value = absolute chosen.QFactor.Mean
        QFactors = over (fun q -> ValueSome(absolute q.Mean))
        StandardErrors =
            over (fun q ->
                if q.Samples > 1 then
                    ValueSome q.StandardError
                else
                    ValueNone)
    }

let private sampledRollout (problem: PlanningProblem) (settings: SampledSettings) terminal act =
    let leaves =
        RelativeValues.within problem.Model (settings.Steps + 1) terminal.Extended

    let sampling =
        {
            Trajectories = settings.Trajectories
            Screening = settings.Screening |> Option.toValueOption
            Threads = settings.Threads
        }

    fun (state: int) ->
        let leaves = leaves.From state

        SampledRollout.decide
            (truncation problem settings leaves act)
            sampling
            (RandomKey(settings.Seed).Split state)
            state
        |> sampledDecision problem settings leaves state

let private sampledMultiagent (problem: PlanningProblem) (settings: SampledSettings) terminal act =
    let grid = problem.Scenario.System.Grid

    let leaves =
        RelativeValues.within problem.Model (settings.Steps + 1) terminal.Extended

    let order = Array.init grid.Controls.Count id

    fun (state: int) ->
        let leaves = leaves.From state

        SampledMultiagentRollout.decide
            (truncation problem settings leaves act)
            (composed grid)
            order
            settings.Trajectories
            (RandomKey(settings.Seed).Split state)
            state
        |> sampledDecision problem settings leaves state

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

    let found values solution decide =
        Ok(result values solution decide (fun _ -> None))

    let ofTerminal terminal decide =
        found terminal.Values terminal.Solution decide

    let sampled (settings: SampledSettings) by =
        checkSampling problem settings
        |> Result.bind (fun () -> terminalValues problem settings.Base settings.Terminal)
        |> Result.bind (fun terminal ->
            acting problem settings.Base
            |> Result.bind (fun act -> ofTerminal terminal (by problem settings terminal act)))

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
            found solution.Values (PlanSolution.Swept solution) (exactly problem solution.Values solution.Remainders)

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
                found
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
                |> Result.bind (fun terminal -> ofTerminal terminal (lookahead problem horizon terminal)))
        | PlanAlgorithm.Multiagent settings ->
            horizonOf settings
            |> Result.bind (fun horizon ->
                basePolicy problem settings.Base
                |> Result.mapError (fun message -> $"multiagent rollout: {message}")
                |> Result.bind (fun policy ->
                    terminalValues problem settings.Base settings.Terminal
                    |> Result.bind (fun terminal -> ofTerminal terminal (multiagent problem horizon policy terminal))))
        | PlanAlgorithm.Newton choice ->
            basePolicy problem choice
            |> Result.mapError (fun message -> $"Newton step: {message}")
            |> Result.bind (fun policy -> exactSolution problem |> Result.map (fun optimal -> policy, optimal.Values))
            |> Result.map (fun (policy, optimal) ->
                let terminal =
                    RewardProcess.ofPolicy model policy
                    |> PolicyEvaluation.bounded discount
                    |> ofEvaluated

                let newton = NewtonStep.at model discount optimal newtonPoints policy
                result terminal.Values PlanSolution.OfBase (lookahead problem 1 terminal) (newton >> Some))

    planned
    |> Result.bind (fun plan -> requestedStates problem request |> Result.map plan)

/// The same, quietly.
let run problem request = runTelling ignore problem request
