namespace OnlinePolicyAdaptation.Experiments

open System.Threading
open OnlinePolicyAdaptation.Scenarios
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Planning

/// Where the response times that are planned with come from.
[<RequireQualifiedAccess>]
type ResponseTimeSource =
    /// A delay table.
    | Table of path: string
    /// A random forest fitted to the scenario's trace.
    | Trace of path: string

/// A scenario's decision problem at one load, which is taken to stay.
type PlanningProblem =
    {
        Scenario: Scenario
        Source: ResponseTimeSource
        /// One per service; one of the scenario's load levels.
        Loads: EquatableArray<RequestRate>
        /// Of every configuration, at this load.
        ResponseTimes: ResponseTimeTable
        /// State i is configuration i of the grid.
        Model: FiniteModel
    }

[<RequireQualifiedAccess>]
module PlanningProblem =

    /// The seed of the forest.
    let private key = RandomKey 1UL

    let private forest (scenario: Scenario) path =
        try
            RecordedSystem.responseTimes
                scenario
                (TestbedTrace.Read(path, scenario.System.Grid, scenario.Experiment.Columns))
                key
        with :? BadInputException as e ->
            Error e.Message

    let private create cancellation (scenario: Scenario) source loads responseTimes =
        let dynamics =
            NetworkDynamics(scenario.System.Grid, scenario.Goal.Reward, responseTimes)

        NetworkModel.tabulateUntil cancellation dynamics loads
        |> Result.map (fun model ->
            {
                Scenario = scenario
                Source = source
                Loads = loads
                ResponseTimes = responseTimes
                Model = model
            })

    let private at cancellation (scenario: Scenario) source (forest: IResponseTimeModel) loads =
        let quantised = SampleWindow.quantised scenario.Controller.Estimation loads

        create
            cancellation
            scenario
            source
            loads
            (ResponseTimeTable.Of(scenario.System.Grid, forest, quantised.AsSpan()))

    /// The problems at every load level of the scenario, in their order and at least one, with the response times of a
    /// forest fitted to the scenario's trace from before any change.
    let atEveryLoadUntil cancellation (scenario: Scenario) =
        match ProblemSize.check scenario.System.Grid, scenario.Experiment.TraceBefore with
        | Error message, _ -> Error message
        | _, None ->
            Error
                $"scenario {scenario.Name} has no field experiment.traces, so its response times must be given as a delay table"
        | _, Some path ->
            forest scenario path
            |> Result.bind (fun forest ->
                (Scenario.loadLevels scenario, Ok [])
                ||> List.foldBack (fun loads found ->
                    match found, at cancellation scenario (ResponseTimeSource.Trace path) forest loads with
                    | Ok problems, Ok problem -> Ok(problem :: problems)
                    | Error message, _
                    | _, Error message -> Error message))

    /// The same, to the end.
    let atEveryLoad scenario =
        atEveryLoadUntil CancellationToken.None scenario

    /// The problem of a scenario with a single load level, with the response times of a delay table, or else of its trace.
    /// What is computed on it ends once the token is cancelled, as loading does. An error where the problem is too large.
    let loadUntil cancellation (scenario: Scenario) (delayTable: string option) =
        match ProblemSize.check scenario.System.Grid, Scenario.loadLevels scenario, delayTable with
        | Error message, _, _ -> Error message
        | _, [ loads ], Some path ->
            DelayTable.read path scenario.System.Grid loads.Count
            |> Result.bind (create cancellation scenario (ResponseTimeSource.Table path) loads)
        | _, [ _ ], None -> atEveryLoadUntil cancellation scenario |> Result.map List.head
        | _, levels, _ ->
            Error
                $"scenario {scenario.Name} has {levels.Length} load levels, each with a decision problem of its own; expected a scenario whose services have requestsPerSecond"

    /// The same, to the end.
    let load scenario delayTable =
        loadUntil CancellationToken.None scenario delayTable
