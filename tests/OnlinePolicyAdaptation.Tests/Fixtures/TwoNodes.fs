/// Scenario 2 in small, with response times given by a formula: one service, routing weight p11 and cores c1.
[<RequireQualifiedAccess>]
module OnlinePolicyAdaptation.Tests.TwoNodes

open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.ControlCycle
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Planning

let array (items: 'a seq) = EquatableArray.ToEquatableArray items

let controls =
    [
        Control("p11", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 6)
        Control("c1", ControlTarget.CpuCores(array [ 0; 1 ]), 1.0, 5.0, 5)
    ]

let gridWith edge = ControlGrid(array controls, edge)

let grid = gridWith GridEdge.Mask

let objective = ServiceLevelObjective(ResponseTime 0.12)

let reward =
    RewardFunction(grid, array [ objective ], [ Seq.ofList [ 1 ] ], CostAt.NextState, 3)

let discount =
    match Discount.create 0.99 with
    | Ok discount -> discount
    | Error message -> invalidOp message

let configuration p c =
    Configuration(array [ controls[0].Level p |> _.Value; controls[1].Level c |> _.Value ])

/// Node 1 needs two cores; node 2 answers at `onNode2` seconds with any number of cores.
let responseTime onNode2 (configuration: Configuration) =
    let p = controls[0].Value configuration.Levels[0]
    let c = controls[1].Value configuration.Levels[1]
    let onNode1 = if c < 2.0 then 0.28 else 0.09
    p * onNode1 + (1.0 - p) * onNode2

let load: EquatableArray<RequestRate> = array [ RequestRate 5.0 ]

let sample onNode2 configuration =
    {
        Configuration = configuration
        OfferedLoads = load
        ResponseTimes = array [ ResponseTime(responseTime onNode2 configuration) ]
    }

let configurations =
    [ for i in 0 .. grid.ConfigurationCount - 1 -> grid.ConfigurationAt i ]

/// Metrics of an interval in which this many seconds were measured; nothing was served where none is given.
let metrics interval configuration (seconds: float voption) =
    let served =
        match seconds with
        | ValueSome seconds -> ServiceMetrics(RequestRate 5.0, RequestRate 5.0, ResponseTime seconds)
        | ValueNone -> ServiceMetrics(RequestRate 5.0, RequestRate 0.0, System.Nullable())

    Metrics(interval, configuration, array [ served ])

/// A base policy that takes the same action everywhere it may, and keeps what it may not move.
let constantPolicy (moves: int list) =
    TabularPolicy(
        grid,
        System.ReadOnlySpan(Array.create grid.ConfigurationCount (grid.IndexOf(ControlAction(array moves))))
    )

/// Requests that are lost count, in intervals of five seconds.
let losses =
    ValueSome
        {
            Objectives = [| 0.05 |]
            IntervalSeconds = 5.0
        }

let settings planner =
    {
        Grid = grid
        Reward = reward
        Discount = discount
        BasePolicy = constantPolicy [ -1; -1 ]
        Planner = planner
        Leaves = LeafValues.Base
        Estimation =
            {
                Forest = ForestOptions(Trees = 20)
                RegrownTrees = 20
                RefitEvery = 1
                Forgetting = Forgetting.PerConfiguration 3
                RiskAttitude = RiskAttitude.Expected
                LoadStep = 5.0
                MinimumSamples = 10
            }
        Guard = Guard.permissive grid
        Admission = Admission.unbounded
        Losses = ValueNone
        FollowsLag = true
        Mode = Mode.Act
        Clock = Clock.Lockstep
    }
