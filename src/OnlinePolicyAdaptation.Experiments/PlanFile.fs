/// The JSON files of planning: arrays with an entry per state, and what was planned.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.PlanFile

open OnlinePolicyAdaptation.Scenarios
open System
open System.IO
open System.Text.Json
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// An array of as many entries as there are states; `entry` gives None for what is none.
let private readArray (path: string) count expected (entry: JsonElement -> 'a option) =
    try
        let text =
            GivenFile.ReadText(path, $"a JSON array with {expected} for each of {count} states")

        use document = JsonDocument.Parse(text, StrictJson.DocumentOptions)

        match document.RootElement with
        | root when root.ValueKind <> JsonValueKind.Array -> Error $"{path}: {root.ValueKind}; expected an array"
        | root when root.GetArrayLength() <> count ->
            Error $"{path}: {root.GetArrayLength()} entries; expected {expected} for each of {count} states"
        | root ->
            let items = root.EnumerateArray() |> Seq.toArray
            let entries = items |> Array.choose entry

            if entries.Length = count then
                Ok entries
            else
                let state = items |> Array.findIndex (entry >> Option.isNone)
                Error $"{path}: state {state}: {items[state].GetRawText()}; expected {expected}"
    with
    | :? BadInputException as e -> Error e.Message
    | :? JsonException as e ->
        Error $"{path}:{e.LineNumber.GetValueOrDefault() + 1L}: not readable as JSON; expected an array of numbers"

/// A value for each of `count` states.
let readValues path count =
    readArray path count "a finite number" (fun item ->
        if item.ValueKind = JsonValueKind.Number && Double.IsFinite(item.GetDouble()) then
            Some(item.GetDouble())
        else
            None)

/// An action number for each of `count` states.
let readActions path count =
    readArray path count "an action number" (fun item ->
        match item.ValueKind = JsonValueKind.Number, lazy (item.TryGetInt32()) with
        | true, Lazy(true, action) -> Some action
        | _ -> None)

/// What was planned with; fields that do not apply are left out.
type SettingsJson =
    {
        Software: string
        Scenario: string
        ResponseTimes: string
        Discount: float
        Edges: string
        Algorithm: string
        /// What the field `value` of the file holds.
        Value: string
        Lookahead: int option
        Base: string option
        Terminal: string option
        Theta: float option
        Sweeps: string option
        /// Sweeps of value iteration done.
        SweepCount: int option
        /// How far the values are from the optimum at most, rounding included.
        ErrorBound: float option
        /// Policies evaluated by policy iteration.
        Iterations: int option
        /// Evaluating sweeps between two sweeps of modified policy iteration.
        Evaluations: int option
        /// Of sampled Q-factors: steps of the base policy, trajectories of each action, and the seed.
        Steps: int option
        Trajectories: int option
        Seed: Nullable<uint64>
        /// The difference that screening must detect, and its probability of error.
        Indifference: float option
        ErrorProbability: float option
        /// How many standard errors a gain must exceed.
        StandardErrors: float option
    }

type PlanDecisionJson =
    {
        State: int
        Action: int
        Value: float
        QFactors: Nullable<float>[]
        StandardErrors: Nullable<float>[] | null
    }

type NewtonStepJson =
    {
        State: int
        Base: float
        BackedUp: float
        Rollout: float
        Optimal: float
        RolloutOperator: StraightLine
        BaseOperator: StraightLine
        /// Pairs of J and T J.
        Operator: float[][]
    }

let private options = StrictJson.WritingOptions()

let private baseName choice =
    match choice with
    | PlannedBase.Greedy -> "greedy"
    | PlannedBase.Random -> "random"
    | PlannedBase.Table(source, _) -> source

let private settingsJson (problem: PlanningProblem) (result: PlanResult) =
    let scenario = problem.Scenario

    let common =
        {
            Software = Software.version
            Scenario = scenario.Name
            ResponseTimes =
                (match problem.Source with
                 | ResponseTimeSource.Table path -> path
                 | ResponseTimeSource.Trace path -> $"random forest fitted to {path}")
            Discount = (let discount = scenario.Goal.Discount in discount.Value)
            Edges =
                (match scenario.System.Grid.Edge with
                 | GridEdge.Clip -> "clip"
                 | _ -> "mask")
            Algorithm = ""
            Value =
                (match result.Solution with
                 | PlanSolution.Swept _ -> "values that value iteration stopped at"
                 | PlanSolution.Iterated _ -> "exact value of the optimal policy"
                 | PlanSolution.OfBase -> "exact value of the base policy, at the leaves"
                 | PlanSolution.OfBest -> "largest exact value of base policy, greedy policy and keeping, at the leaves"
                 | PlanSolution.Given -> "terminal values as given, at the leaves")
            Lookahead = None
            Base = None
            Terminal = None
            Theta = None
            Sweeps = None
            SweepCount = None
            ErrorBound = None
            Iterations = None
            Evaluations = None
            Steps = None
            Trajectories = None
            Seed = Nullable()
            Indifference = None
            ErrorProbability = None
            StandardErrors = None
        }

    let terminalName terminal =
        match terminal with
        | TerminalValues.Exact -> "exact"
        | TerminalValues.Best -> "best"
        | TerminalValues.Given(source, _) -> source

    let swept name theta =
        let found =
            match result.Solution with
            | PlanSolution.Swept swept -> Some swept
            | _ -> None

        { common with
            Algorithm = name
            Theta = Some theta
            SweepCount = found |> Option.map _.Changes.Length
            ErrorBound = found |> Option.map _.ErrorBound
        }

    let sampled name (settings: SampledSettings) =
        { common with
            Algorithm = name
            Lookahead = Some 1
            Base = Some(baseName settings.Base)
            Terminal = Some(terminalName settings.Terminal)
            Steps = Some settings.Steps
            Trajectories = Some settings.Trajectories
            Seed = Nullable settings.Seed
            Indifference = settings.Screening |> Option.map _.Indifference
            ErrorProbability = settings.Screening |> Option.map _.ErrorProbability
            StandardErrors = settings.StandardErrors
        }

    let ahead name (settings: LookaheadSettings) =
        { common with
            Algorithm = name
            Lookahead = Some settings.Horizon
            Base = Some(baseName settings.Base)
            Terminal = Some(terminalName settings.Terminal)
        }

    match result.Request.Algorithm with
    | PlanAlgorithm.ValueIteration(sweeps, theta, _) ->
        { swept "value-iteration" theta with
            Sweeps =
                Some(
                    match sweeps with
                    | Sweeps.GaussSeidel -> "gauss-seidel"
                    | Sweeps.Jacobi -> "jacobi"
                )
        }
    | PlanAlgorithm.ModifiedPolicyIteration(evaluations, theta, _) ->
        { swept "modified-policy-iteration" theta with
            Evaluations = Some evaluations
        }
    | PlanAlgorithm.SampledRollout settings -> sampled "sampled-rollout" settings
    | PlanAlgorithm.SampledMultiagent settings -> sampled "sampled-multiagent" settings
    | PlanAlgorithm.PolicyIteration ->
        { common with
            Algorithm = "policy-iteration"
            Iterations =
                match result.Solution with
                | PlanSolution.Iterated solution -> Some solution.Iterations
                | _ -> None
            ErrorBound =
                match result.Solution with
                | PlanSolution.Iterated solution -> Some solution.ErrorBound
                | _ -> None
        }
    | PlanAlgorithm.Lookahead settings -> ahead "lookahead" settings
    | PlanAlgorithm.Rollout settings -> ahead "rollout" settings
    | PlanAlgorithm.Multiagent settings -> ahead "multiagent" settings
    | PlanAlgorithm.Newton choice ->
        { common with
            Algorithm = "newton"
            Lookahead = Some 1
            Base = Some(baseName choice)
        }

let private nullable (number: float voption) =
    match number with
    | ValueSome number -> Nullable number
    | ValueNone -> Nullable()

let private decisionJson (decision: PlanDecision) =
    {
        State = decision.State
        Action = decision.Action
        Value = decision.Value
        QFactors = decision.QFactors |> Array.map nullable
        StandardErrors =
            if decision.StandardErrors.Length = 0 then
                null
            else
                decision.StandardErrors |> Array.map nullable
    }

let private newtonJson (step: NewtonStep) =
    {
        State = step.State
        Base = step.Base
        BackedUp = step.BackedUp
        Rollout = step.Rollout
        Optimal = step.Optimal
        RolloutOperator = step.RolloutOperator
        BaseOperator = step.BaseOperator
        Operator = step.Operator |> Array.map (fun (struct (x, y)) -> [| x; y |])
    }

/// The controls' real values in each configuration, in the order of their numbers.
let private states (grid: ControlGrid) =
    Seq.init grid.ConfigurationCount (fun i -> grid.ConfigurationAt i |> grid.Values |> Seq.toArray)

/// By how much each action changes each control, in cores or as a share.
let private actions (grid: ControlGrid) =
    Seq.init grid.ActionCount (fun i ->
        Seq.map2 (fun move (control: Control) -> float move * control.Step) (grid.ActionAt i).Moves grid.Controls
        |> Seq.toArray)

/// One line after another, so that the file may be larger than any text in memory.
let private writeJson (problem: PlanningProblem) (result: PlanResult) (text: TextWriter) =
    let json (item: 'a) = JsonSerializer.Serialize(item, options)

    let lines (name: string) (items: 'a seq) =
        text.Write $",\n\"{name}\":[\n"

        items
        |> Seq.iteri (fun i item ->
            if i > 0 then
                text.Write ",\n"

            text.Write(json item))

        text.Write "\n]"

    let grid = problem.Scenario.System.Grid
    text.Write $"{{\"settings\":{json (settingsJson problem result)}"
    lines "states" (states grid)
    lines "actions" (actions grid)
    text.Write $",\n\"value\":{json result.Values}"
    lines "decisions" (result.Decisions |> Seq.map decisionJson)

    if result.NewtonSteps.Length > 0 then
        lines "newton" (result.NewtonSteps |> Seq.map newtonJson)

    text.WriteLine "}"

/// Writes the result, whole or not at all. Numbers read back exactly.
let write (path: string) problem result =
    AtomicFile.Write(path, writeJson problem result)
