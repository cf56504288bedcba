/// A mesh of any size: service i is placed on nodes i and i + 1 of a ring, its routing weight p_i being the share that goes
/// to node i. Controls are p_0, p_1, .., c_0, c_1, ..
module OnlinePolicyAdaptation.Tests.Fixtures.RingMesh

open System
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network

let grid services =
    let weight i =
        Control($"p{i}", ControlTarget.RoutingWeight(i, i), 0.0, 1.0, 6)

    let cores i =
        Control($"c{i}", ControlTarget.CpuCores(EquatableArray.ToEquatableArray [ i ]), 1.0, 5.0, 5)

    ControlGrid(EquatableArray.ToEquatableArray [ yield! Seq.init services weight; yield! Seq.init services cores ])

let loads services =
    Array.init services (fun i -> RequestRate(float (4 + i % 3)))

/// Core-seconds of one request.
let private work = 0.2

/// The share of node i's CPU that is busy. It depends on p_(i-1), p_i and c_i.
let private busy services (levels: ReadOnlySpan<int>) (loads: ReadOnlySpan<RequestRate>) i =
    let before = (i + services - 1) % services
    let own = loads[i].PerSecond * float levels[i] / 5.0
    let other = loads[before].PerSecond * (1.0 - float levels[before] / 5.0)
    work * (own + other) / float (1 + levels[services + i])

let private responseTime services (levels: ReadOnlySpan<int>) (loads: ReadOnlySpan<RequestRate>) i =
    let stretch busy = 1.0 / max 0.05 (1.0 - busy)
    let share = float levels[i] / 5.0
    let first = stretch (busy services levels loads i)
    let second = stretch (busy services levels loads ((i + 1) % services))
    work * (share * first + (1.0 - share) * second)

let responseTimes services =
    { new IResponseTimeModel with
        member _.Predict(configuration, loads, seconds) =
            for i in 0 .. services - 1 do
                seconds[i] <- responseTime services (configuration.Levels.AsSpan()) loads i

        member _.ScopeOf i =
            let before = (i + services - 1) % services
            let next = (i + 1) % services

            let sorted indices =
                indices |> List.distinct |> List.sort |> EquatableArray.ToEquatableArray

            ResponseTimeScope(sorted [ before; i; next; services + i; services + next ], sorted [ before; i; next ])

        member _.PredictService(i, levels, loads) = responseTime services levels loads i
    }

let reward services =
    let bound = ServiceLevelObjective(ResponseTime 0.35)

    RewardFunction(
        grid services,
        EquatableArray.ToEquatableArray(Seq.replicate services bound),
        [ seq { services .. 2 * services - 1 } ],
        CostAt.NextState,
        Nullable()
    )

let dynamics services =
    NetworkDynamics(grid services, reward services, responseTimes services)

let localDynamics services =
    LocalNetworkDynamics(grid services, reward services, responseTimes services, loads services)

/// Nodes that are busy get a core, idle ones give one back; weights stay.
let policy services =
    let loads = loads services

    { new ILocalPolicy with
        member _.Move(i, levels) =
            if i < services then
                0
            else
                let busy = busy services levels (ReadOnlySpan loads) (i - services)

                if busy > 0.6 then 1
                elif busy < 0.2 then -1
                else 0

        member _.Dependents i =
            if i < services then
                ReadOnlySpan [| services + i; services + (i + 1) % services |]
            else
                ReadOnlySpan [| i |]
    }

/// The same model, reporting each evaluation of a term.
let watched (report: unit -> unit) (model: ILocalModel) =
    { new ILocalModel with
        member _.Layout = model.Layout

        member _.Term(term, levels) =
            report ()
            model.Term(term, levels)

        member _.Reward(left, reached) = model.Reward(left, reached)
    }
