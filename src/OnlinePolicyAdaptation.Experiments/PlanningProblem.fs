namespace OnlinePolicyAdaptation.Experiments

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

/// A scenario's decision problem at its loads.
type PlanningProblem =
    {
        Scenario: Scenario
        Source: ResponseTimeSource
        /// Of every configuration, at the scenario's loads.
        ResponseTimes: ResponseTimeTable
        /// State i is configuration i of the grid.
        Model: FiniteModel
    }

[<RequireQualifiedAccess>]
module PlanningProblem =

    /// The seed of the forest.
    let private key = RandomKey 1UL

    let private loads (scenario: Scenario) =
        SampleWindow.quantised scenario.Estimation scenario.Loads

    let private ofTrace (scenario: Scenario) path =
        try
            let trace = TestbedTrace.Read(path, scenario.Grid, scenario.Columns)

            RecordedSystem.responseTimes scenario trace key
            |> Result.map (fun forest -> ResponseTimeTable.Of(scenario.Grid, forest, (loads scenario).AsSpan()))
        with :? BadInputException as e ->
            Error e.Message

    let private create (scenario: Scenario) source responseTimes =
        let dynamics = NetworkDynamics(scenario.Grid, scenario.Reward, responseTimes)

        NetworkModel.tabulate dynamics scenario.Loads
        |> Result.map (fun model ->
            {
                Scenario = scenario
                Source = source
                ResponseTimes = responseTimes
                Model = model
            })

    /// The problem with the response times of a delay table, or else of a forest fitted to the scenario's trace from
    /// before any change.
    let load (scenario: Scenario) (delayTable: string option) =
        match delayTable, scenario.TraceBefore with
        | Some path, _ ->
            DelayTable.read path scenario.Grid scenario.Loads.Count
            |> Result.bind (create scenario (ResponseTimeSource.Table path))
        | None, Some path ->
            ofTrace scenario path
            |> Result.bind (create scenario (ResponseTimeSource.Trace path))
        | None, None ->
            Error $"scenario {scenario.Name} has no field trace, so its response times must be given as a delay table"
