open OnlinePolicyAdaptation.Domain.Environments
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Planning

let p11 = Control("p11", ControlTarget.RoutingWeight(0, 0), 0, 1, 6)
let c1 = Control("c1", ControlTarget.CpuCores([ 0; 1 ].ToEquatableArray()), 1, 5, 5)
let grid = ControlGrid([ p11; c1 ].ToEquatableArray())

let trace =
    TestbedTrace.Read("after.csv", grid, TraceColumns.Testbed(grid, 1, "5 req/s"))

let forest = RecordedResponseTimes.Fit(trace, grid, RandomKey 1UL)
let objectives = [ ServiceLevelObjective(ResponseTime 0.12) ].ToEquatableArray()
let reward = RewardFunction(grid, objectives, [ [ 1 ] ], CostAt.NextState, 3)
let system = NetworkDynamics(grid, reward, forest)
let state = SystemState(grid.ConfigurationAt 29, trace.Rows[0].LoadLevels)

Discount.create 0.99
|> Result.bind (fun discount -> RolloutPolicy.create system state.OfferedLoads discount 3 (StaticPolicy()))
|> Result.map (fun policy -> policy.Act(state, grid.Mask state.Configuration, RandomKey 1UL).Moves)
|> printfn "%A"
