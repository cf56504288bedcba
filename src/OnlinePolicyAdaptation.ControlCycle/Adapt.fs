/// From the system model and the base policy to an action: one step of policy iteration at the current state.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Adapt

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Planning
open MathNet.Numerics.Distributions

/// The response times that are planned with.
let private responseTimes outlook (model: EstimatedModel) : IResponseTimeModel =
    let bounded sign confidence =
        BoundedResponseTimes(model.ResponseTimes, sign * Normal.InvCDF(0.0, 1.0, confidence))

    match outlook with
    | Outlook.Expected -> model.ResponseTimes
    | Outlook.Optimistic confidence -> bounded -1.0 confidence
    | Outlook.Cautious confidence -> bounded 1.0 confidence

let private byRollout (settings: ControllerSettings) horizon (model: EstimatedModel) (state: SystemState) key =
    let grid = settings.Grid

    let dynamics =
        NetworkDynamics(grid, settings.Reward, responseTimes settings.Estimation.Outlook model)

    NetworkModel.tabulate dynamics state.OfferedLoads
    |> Result.bind (fun finite ->
        NetworkModel.policy dynamics state.OfferedLoads settings.BasePolicy key finite
        |> Result.map (fun basePolicy ->
            let keep = grid.IndexOf(ControlAction.Keep grid.Controls.Count)
            let here = grid.IndexOf state.Configuration

            let decision =
                Rollout.decide finite settings.Discount horizon basePolicy (ValueSome keep) here

            struct (grid.ActionAt decision.Action, ValueSome decision.Value)))
    |> Result.mapError CycleError.UnusableModel

/// The action for a state with its Q-factor, or the reason why it is the base policy's action.
let decide
    (settings: ControllerSettings)
    (model: Result<EstimatedModel, CycleError>)
    (state: SystemState)
    (key: RandomKey)
    =
    let byBasePolicy () =
        settings.BasePolicy.Act(state, settings.Grid.Mask state.Configuration, key)

    match settings.Planner with
    | Planner.BasePolicy -> struct (byBasePolicy (), ValueNone), []
    | Planner.Rollout horizon ->
        match model |> Result.bind (fun m -> byRollout settings horizon m state key) with
        | Ok decision -> decision, []
        | Error error -> struct (byBasePolicy (), ValueNone), [ error ]
