/// Rollout on a mesh as a policy of the domain, which fits wherever a base policy does, even as the next base policy.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Planning.RolloutPolicy

open System.Threading
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

/// Lookahead of `horizon` >= 1 steps over all actions at once, on the model under one load, with the base policy's exact
/// values at its end. The decisions are those of `TableRollout`; of equally good actions keeping the configuration wins.
///
/// The base policy is asked once for every configuration, under the child of the key 0 with its number. An error where
/// it takes an action that leaves the grid, where the horizon is below 1, or where the problem is too large for tables.
let create
    (dynamics: NetworkDynamics)
    (offeredLoads: EquatableArray<RequestRate>)
    (discount: Discount)
    horizon
    (basePolicy: IPolicy<SystemState, ControlAction>)
    =
    let keep = ControlAction.Keep dynamics.Grid.Controls.Count

    TableRollout.create
        dynamics
        offeredLoads
        discount
        (RolloutBase.Actions basePolicy)
        {
            Scheme = RolloutScheme.Joint
            Horizon = horizon
            Leaves = LeafValues.Base
        }
        (RandomKey 0UL)
        CancellationToken.None
    |> Result.map (fun rollout ->
        { new IPolicy<SystemState, ControlAction> with
            member _.Act(state, mask, _) =
                rollout.Decide(state, mask, keep, CancellationToken.None).Action
        })
