/// The decision problem of a mesh whose configurations can be enumerated, as a finite model. States are configuration
/// numbers and actions action numbers of the grid.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.NetworkModel

open System
open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The states of the model in their order, under one load.
let states (grid: ControlGrid) (offeredLoads: EquatableArray<RequestRate>) =
    grid.Configurations()
    |> Array.map (fun configuration -> SystemState(configuration, offeredLoads))

/// Configurations whose response times are asked for at once: between two such blocks a computation can be given up.
let private block = 1024

let private responseTimesOf
    (cancellation: CancellationToken)
    (model: IResponseTimeModel)
    (configurations: Configuration[])
    (offeredLoads: EquatableArray<RequestRate>)
    =
    let services = offeredLoads.Count
    let responseTimes = Array.zeroCreate<float>(configurations.Length * services)

    for first in 0..block .. configurations.Length - 1 do
        cancellation.ThrowIfCancellationRequested()
        let count = min block (configurations.Length - first)

        model.PredictAll(
            ReadOnlySpan(configurations, first, count),
            offeredLoads.AsSpan(),
            Span(responseTimes, first * services, count * services)
        )

    responseTimes

/// The reward of reaching each configuration by its response times; nothing where the one that is left pays.
let private arrivals cancellation (dynamics: NetworkDynamics) (offeredLoads: EquatableArray<RequestRate>) =
    let services = offeredLoads.Count
    let configurations = dynamics.Grid.Configurations()

    let responseTimes =
        responseTimesOf cancellation dynamics.ResponseTimes configurations offeredLoads

    configurations
    |> Array.mapi (fun index configuration ->
        match
            dynamics.Reward.Arrival(configuration, ReadOnlySpan(responseTimes, index * services, services))
            |> Option.ofNullable
        with
        | Some reward -> ValueSome reward
        | None -> ValueNone)

/// The same, as a model that knows noise expects it.
let private expectedArrivals (model: IExpectedRewards) (dynamics: NetworkDynamics) loads =
    let configurations = dynamics.Grid.Configurations()
    let expected = Array.zeroCreate<float> configurations.Length

    let loads: EquatableArray<RequestRate> = loads
    model.ExpectedArrivals(dynamics.Reward, ReadOnlySpan configurations, loads.AsSpan(), Span expected)

    expected
    |> Array.map (fun reward -> if Double.IsNaN reward then ValueNone else ValueSome reward)

let private table cancellation (dynamics: NetworkDynamics) (offeredLoads: EquatableArray<RequestRate>) =
    let grid = dynamics.Grid
    let configurations = grid.Configurations()

    let arrivals =
        match dynamics.ResponseTimes with
        | :? IExpectedRewards as model -> expectedArrivals model dynamics offeredLoads
        | _ -> arrivals cancellation dynamics offeredLoads

    BoxModel.create
        (grid.Controls |> Seq.map _.Levels |> Seq.toArray)
        (configurations |> Array.map dynamics.Reward.Departure)
        arrivals
    |> Result.map (FiniteModel.ofBoxUntil cancellation grid.Edge)

/// The system model under one load, as a table. The response times of each configuration are asked for once and taken
/// to be finite. What is computed on the model ends once the token is cancelled, as tabulating does. An error where the
/// problem is too large.
let tabulateUntil cancellation (dynamics: NetworkDynamics) (offeredLoads: EquatableArray<RequestRate>) =
    ProblemSize.check dynamics.Grid
    |> Result.bind (fun _ -> table cancellation dynamics offeredLoads)

/// The same, to the end.
let tabulate (dynamics: NetworkDynamics) (offeredLoads: EquatableArray<RequestRate>) =
    tabulateUntil CancellationToken.None dynamics offeredLoads

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
        model.ThrowIfCancelled()
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
