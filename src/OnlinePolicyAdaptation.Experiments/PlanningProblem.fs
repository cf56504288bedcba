namespace OnlinePolicyAdaptation.Experiments

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

    let private create (scenario: Scenario) source loads responseTimes =
        let dynamics =
            NetworkDynamics(scenario.System.Grid, scenario.Goal.Reward, responseTimes)

        NetworkModel.tabulate dynamics loads
        |> Result.map (fun model ->
            {
                Scenario = scenario
                Source = source
                Loads = loads
                ResponseTimes = responseTimes
                Model = model
            })

    let private at (scenario: Scenario) source (forest: IResponseTimeModel) loads =
        let quantised = SampleWindow.quantised scenario.Controller.Estimation loads

        create scenario source loads (ResponseTimeTable.Of(scenario.System.Grid, forest, quantised.AsSpan()))

    /// The problems at every load level of the scenario, in their order and at least one, with the response times of a
    /// forest fitted to the scenario's trace from before any change.
    let atEveryLoad (scenario: Scenario) =
        match scenario.Experiment.TraceBefore with
        | None ->
            Error
                $"scenario {scenario.Name} has no field experiment.traces, so its response times must be given as a delay table"
        | Some path ->
            forest scenario path
            |> Result.bind (fun forest ->
                (Scenario.loadLevels scenario, Ok [])
                ||> List.foldBack (fun loads found ->
                    match found, at scenario (ResponseTimeSource.Trace path) forest loads with
                    | Ok problems, Ok problem -> Ok(problem :: problems)
                    | Error message, _
                    | _, Error message -> Error message))

    /// The problem of a scenario with a single load level, with the response times of a delay table, or else of its trace.
    let load (scenario: Scenario) (delayTable: string option) =
        match Scenario.loadLevels scenario, delayTable with
        | [ loads ], Some path ->
            DelayTable.read path scenario.System.Grid loads.Count
            |> Result.bind (create scenario (ResponseTimeSource.Table path) loads)
        | [ _ ], None -> atEveryLoad scenario |> Result.map List.head
        | levels, _ ->
            Error
                $"scenario {scenario.Name} has {levels.Length} load levels, each with a decision problem of its own; expected loads that are requestsPerSecond"
