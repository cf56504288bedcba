/// Rollout on a mesh as a policy of the domain, which fits wherever a base policy does, even as the next base policy.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.RolloutPolicy

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// The best choice of a state that the mask allows; of equally good ones the base policy's, then the smallest number.
let private best (grid: ControlGrid) (model: FiniteModel) (mask: ActionMask) state (qFactors: float[]) baseChoice =
    let first = model.FirstChoice[state]
    let action i = grid.ActionAt model.Actions[first + i]

    let better i j =
        qFactors[i] > qFactors[j]
        || (qFactors[i] = qFactors[j] && first + i = baseChoice)

    Seq.init qFactors.Length id
    |> Seq.filter (fun i -> (action i).IsAllowedBy mask)
    |> Seq.fold
        (fun found i ->
            match found with
            | ValueSome j when not (better i j) -> found
            | _ -> ValueSome i)
        ValueNone
    |> ValueOption.map action

/// Lookahead of `horizon` >= 1 steps on the model under one load, with the base policy's exact values at its end. The
/// load of a state that the policy is asked for is taken to be this one.
///
/// The base policy is asked once for every configuration, under the child of the key 0 with its number. An error where
/// it takes an action that leaves the grid, or where the horizon is below 1. A mask that allows none of the actions of the
/// grid gets "keep" as far as it allows that.
let create
    (dynamics: NetworkDynamics)
    (offeredLoads: EquatableArray<RequestRate>)
    (discount: Discount)
    horizon
    (basePolicy: IPolicy<SystemState, ControlAction>)
    =
    let grid = dynamics.Grid

    let model =
        if horizon < 1 then
            Error $"the horizon is {horizon}; expected at least 1"
        else
            NetworkModel.tabulate dynamics offeredLoads

    model
    |> Result.bind (fun model ->
        NetworkModel.policy dynamics offeredLoads basePolicy (RandomKey 0UL) model
        |> Result.map (fun baseChoices ->
            let values = PolicyEvaluation.exact model discount baseChoices

            { new IPolicy<SystemState, ControlAction> with
                member _.Act(state, mask, _) =
                    let index = grid.IndexOf state.Configuration
                    let qFactors = Lookahead.qFactors model discount horizon values index

                    best grid model mask index qFactors baseChoices[index]
                    |> ValueOption.defaultWith (fun () -> ControlAction.Keep(grid.Controls.Count).Within mask)
            }))
