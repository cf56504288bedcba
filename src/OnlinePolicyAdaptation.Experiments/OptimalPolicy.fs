/// The exact optimum of a system, known only to someone who has measured all of it.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Experiments.OptimalPolicy

open System
open System.Collections.Concurrent
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning

let private atLoad grid reward discount responseTimes loads =
    match NetworkModel.tabulate (NetworkDynamics(grid, reward, responseTimes)) loads with
    | Error message -> invalidOp message
    | Ok model ->
        let optimum = DynamicProgramming.policyIteration model discount
        TabularPolicy(grid, ReadOnlySpan(FinitePolicy.actions model optimum.Policy))

/// The optimal policy of the system with these response times, for whatever load the state has, taken to stay.
/// Each load is solved once, when it first occurs.
let create grid reward discount (responseTimes: IResponseTimeModel) =
    let solved =
        ConcurrentDictionary<EquatableArray<RequestRate>, Lazy<TabularPolicy>>()

    { new IPolicy<SystemState, ControlAction> with
        member _.Act(state, mask, key) =
            let policy =
                solved.GetOrAdd(state.OfferedLoads, fun loads -> lazy (atLoad grid reward discount responseTimes loads))

            policy.Value.Act(state, mask, key)
    }
