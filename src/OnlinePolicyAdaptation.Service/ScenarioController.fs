/// The controller of a scenario's system.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Service.ScenarioController

open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Scenarios

let vocabulary (scenario: Scenario) =
    {
        Grid = scenario.System.Grid
        Topology = scenario.System.Topology
    }

let private trace (scenario: Scenario) =
    scenario.Controller.History
    |> Option.map (fun history -> TestbedTrace.Read(history.Path, scenario.System.Grid, history.Columns))

let private basePolicy (scenario: Scenario) trace key =
    BasePolicySpecification.create
        scenario.System.Grid
        scenario.System.Topology
        scenario.Goal.Reward
        scenario.Goal.Discount
        scenario.Controller.BasePolicy
        (fun () ->
            match trace with
            | Some trace -> RecordedSystem.responseTimes scenario trace key
            | None ->
                Error
                    $"scenario {scenario.Name} has no field controller.history: a base policy that is made from a recorded system needs one; expected another controller.basePolicy, such as network or threshold")

/// The options and the state to start in: with a model of the scenario's trace of the system as it was, or without.
let create (scenario: Scenario) mode planner knowsTrace (key: RandomKey) =
    let trace = trace scenario

    basePolicy scenario trace (key.Split 0)
    |> Result.map (fun basePolicy ->
        let options =
            {
                Settings =
                    {
                        Grid = scenario.System.Grid
                        Reward = scenario.Goal.Reward
                        Discount = scenario.Goal.Discount
                        BasePolicy = basePolicy
                        Planner =
                            match mode with
                            | Mode.Base -> Planner.BasePolicy
                            | Mode.Act
                            | Mode.Shadow -> planner
                        Estimation = scenario.Controller.Estimation
                    }
                Guard = scenario.Controller.Guard
                Mode = mode
            }

        let history =
            match trace with
            | Some trace when knowsTrace -> RecordedSystem.samples trace
            | _ -> Seq.empty

        struct (options, Controller.start options history (key.Split 1)))
