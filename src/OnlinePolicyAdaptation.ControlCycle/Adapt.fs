/// From the system model and the base policy to an action: one step of policy iteration at the current state.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.ControlCycle.Adapt

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning

/// The decision problem at a fixed load as a finite model: state i is configuration i of the grid.
let finiteModel (grid: ControlGrid) reward (responseTimes: IResponseTimeModel) (loads: EquatableArray<RequestRate>) =
    let table = ResponseTimeTable.Of(grid, responseTimes, loads.AsSpan())

    let states =
        Array.init grid.ConfigurationCount (fun i -> SystemState(grid.ConfigurationAt i, loads))

    FiniteModel.tabulate
        (NetworkDynamics(grid, reward, table))
        states
        (fun state -> grid.IndexOf state.Configuration)
        grid.IndexOf

/// What a policy does in every state of that model.
let tabulatePolicy (grid: ControlGrid) model (policy: IPolicy<SystemState, ControlAction>) loads (key: RandomKey) =
    Array.init grid.ConfigurationCount (fun i ->
        let configuration = grid.ConfigurationAt i

        let action =
            policy.Act(SystemState(configuration, loads), grid.Mask configuration, key.Split i)

        match FiniteModel.tryChoice model i (grid.IndexOf action) with
        | ValueSome choice -> choice
        | ValueNone -> invalidOp $"the base policy chose the masked action {action.Moves} in {configuration.Levels}")

let private byRollout (settings: ControllerSettings) horizon (model: EstimatedModel) (state: SystemState) key =
    let grid = settings.Grid

    finiteModel grid settings.Reward model.ResponseTimes state.OfferedLoads
    |> Result.mapError CycleError.UnusableModel
    |> Result.map (fun finite ->
        let basePolicy =
            tabulatePolicy grid finite settings.BasePolicy state.OfferedLoads key

        let keep = grid.IndexOf(ControlAction.Keep grid.Controls.Count)

        let decision =
            Rollout.decide
                finite
                settings.Discount
                horizon
                basePolicy
                (ValueSome keep)
                (grid.IndexOf state.Configuration)

        struct (grid.ActionAt decision.Action, ValueSome decision.Value))

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
