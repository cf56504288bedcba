/// The decision problem of a mesh whose configurations can be enumerated, as a finite model. States are configuration
/// numbers and actions action numbers of the grid.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.NetworkModel

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The states of the model in their order, under one load.
let states (grid: ControlGrid) (offeredLoads: EquatableArray<RequestRate>) =
    grid.Configurations()
    |> Array.map (fun configuration -> SystemState(configuration, offeredLoads))

/// The system model under one load, as a table. The response times of each configuration are asked for once and taken
/// to be finite.
let tabulate (dynamics: NetworkDynamics) (offeredLoads: EquatableArray<RequestRate>) =
    let grid = dynamics.Grid
    let services = offeredLoads.Count
    let configurations = grid.Configurations()
    let responseTimes = Array.zeroCreate<float>(configurations.Length * services)
    dynamics.ResponseTimes.PredictAll(ReadOnlySpan configurations, offeredLoads.AsSpan(), Span responseTimes)

    let arrival index configuration =
        match
            dynamics.Reward.Arrival(configuration, ReadOnlySpan(responseTimes, index * services, services))
            |> Option.ofNullable
        with
        | Some reward -> ValueSome reward
        | None -> ValueNone

    BoxModel.create
        (grid.Controls |> Seq.map _.Levels |> Seq.toArray)
        (configurations |> Array.map dynamics.Reward.Departure)
        (configurations |> Array.mapi arrival)
    |> Result.map (FiniteModel.ofBox grid.Edge)

/// The choices of `GreedyPolicy` as a table.
let greedy (grid: ControlGrid) (moveCharge: float) (model: FiniteModel) : FinitePolicy =
    let charges =
        Array.init grid.ActionCount (fun action -> moveCharge * grid.Distance(grid.ActionAt action))

    FinitePolicy.greedy model (fun action -> charges[action])

/// A policy of the domain as a table over the states of the model; acts in state i under child i of the key. An error where
/// it takes an action that is not admissible.
let policy (dynamics: NetworkDynamics) offeredLoads (policy: IPolicy<SystemState, ControlAction>) key model =
    let grid = dynamics.Grid

    FinitePolicy.tabulate
        model
        policy
        (states grid offeredLoads)
        (fun state -> grid.Mask state.Configuration)
        grid.IndexOf
        key

/// A policy that draws the move of every control independently, as the probability of each choice of the model.
let randomized
    (dynamics: NetworkDynamics)
    offeredLoads
    (policy: IStochasticPolicy<SystemState>)
    (model: FiniteModel)
    : RandomizedPolicy =
    let grid = dynamics.Grid

    let ofMoves =
        Array.zeroCreate<float>(grid.Controls.Count * ControlAction.ChoicesPerControl)

    let actions =
        Array.init grid.ActionCount (fun index -> Array.init grid.Controls.Count (grid.ActionAt index).Choice)

    let probabilities = Array.zeroCreate<float> model.ChoiceCount

    states grid offeredLoads
    |> Array.iteri (fun index state ->
        policy.Probabilities(state, grid.Mask state.Configuration, Span ofMoves)

        for choice in model.FirstChoice[index] .. model.FirstChoice[index + 1] - 1 do
            let moves = actions[model.Actions[choice]]
            let mutable probability = 1.0

            for control in 0 .. moves.Length - 1 do
                probability <-
                    probability
                    * ofMoves[control * ControlAction.ChoicesPerControl + moves[control]]

            probabilities[choice] <- probability)

    probabilities
