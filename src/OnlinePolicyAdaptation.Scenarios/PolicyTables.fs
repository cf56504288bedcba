/// Policies as tables over the configurations of a grid, one for each load. On a grid states repeat: every cycle a planner
/// asks the base policy for all of them.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Scenarios.PolicyTables

open System
open System.Collections.Concurrent
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning

/// The policy that acts under each load by that load's table: the action number of every configuration number. A table is
/// made when its load first occurs. A move that the mask forbids is left out.
let byLoad (grid: ControlGrid) (actionsAt: EquatableArray<RequestRate> -> int[]) =
    let tables =
        ConcurrentDictionary<EquatableArray<RequestRate>, Lazy<TabularPolicy>>()

    { new IPolicy<SystemState, ControlAction> with
        member _.Act(state, mask, key) =
            let table =
                tables.GetOrAdd(
                    state.OfferedLoads,
                    fun loads -> lazy TabularPolicy(grid, ReadOnlySpan(actionsAt loads))
                )

            table.Value.Act(state, mask, key)
    }

/// A policy that does not draw, asked once for each state of the grid.
let ofPolicy (grid: ControlGrid) (policy: IPolicy<SystemState, ControlAction>) =
    byLoad grid (fun loads ->
        NetworkModel.states grid loads
        |> Array.map (fun state ->
            grid.IndexOf(policy.Act(state, grid.Mask state.Configuration, RandomKey 0UL): ControlAction)))

/// The policy that takes a finite policy's choices in the system with these response times, for whatever load the state has,
/// taken to stay. The response times of each configuration are asked for once under each load.
let ofModel grid reward (responseTimes: IResponseTimeModel) (policyOf: FiniteModel -> FinitePolicy) =
    let dynamics = NetworkDynamics(grid, reward, responseTimes)

    byLoad grid (fun loads ->
        match NetworkModel.tabulate dynamics loads with
        | Error message -> invalidOp message
        | Ok model -> FinitePolicy.actions model (policyOf model))
