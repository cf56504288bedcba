module OnlinePolicyAdaptation.Tests.Learning.SystemModels.LocalForestResponseTimesTests

open System
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.Regression
open OnlinePolicyAdaptation.Learning.SystemModels
open OnlinePolicyAdaptation.Tests

/// Service i is on nodes i and i + 1 of a ring. Controls are, for each i: weight on node i, weight on node i + 1, cores
/// of node i.
let private ring services =
    let weight service node =
        Control($"p{service}_{node}", ControlTarget.RoutingWeight(service, node), 0.0, 1.0, 3)

    let cores node =
        Control($"c{node}", ControlTarget.CpuCores(TwoNodes.array [ node ]), 1.0, 3.0, 3)

    ControlGrid(
        TwoNodes.array
            [
                for i in 0 .. services - 1 do
                    weight i i
                    weight i ((i + 1) % services)
                    cores i
            ]
    )

/// Grows with the service's weight on its first node and falls with that node's cores.
let private seconds (levels: int[]) service =
    0.1 * float (1 + levels[3 * service]) / float (1 + levels[3 * service + 2])

let private loads services = Array.create services (RequestRate 5.0)

let private measurements services count =
    [
        for row in 0 .. count - 1 do
            let mutable sequence = (RandomKey 4UL).Split(row: int).Sequence()
            let levels = Array.init (3 * services) (fun _ -> sequence.NextInt 3)

            LocalForestResponseTimes.Measurement(
                TwoNodes.array levels,
                TwoNodes.array (loads services),
                TwoNodes.array (Array.init services (seconds levels))
            )
    ]

let private fit services count =
    LocalForestResponseTimes.Fit(
        ring services,
        services,
        ResizeArray(measurements services count),
        ForestOptions(Trees = 30),
        RandomKey 1UL
    )

[<Tests>]
let tests =
    testList
        "Learning.SystemModels.LocalForestResponseTimes"
        [
            test "a service feels its nodes, itself and its neighbours on them" {
                // Service 3 is on nodes 3 and 4, with services 2 and 4.
                let scope = ((fit 8 3).ScopeOf 3).Controls |> List.ofSeq
                Expect.equal scope [ 6; 7; 9; 10; 11; 12; 13; 14 ] "p2, p3, c3, p4, c4"
                Expect.equal (((fit 8 3).ScopeOf 3).Services |> List.ofSeq) [ 2; 3; 4 ] "their loads"
            }

            test "a scope does not grow with the mesh" {
                Expect.equal ((fit 20 3).ScopeOf(3)) ((fit 8 3).ScopeOf(3)) "same neighbourhood"
            }

            test "a control outside the scope changes no prediction" {
                let model = fit 8 60
                let levels = Array.create 24 1

                let predict (levels: int[]) =
                    model.PredictService(3, ReadOnlySpan levels, ReadOnlySpan(loads 8))

                let before = predict levels

                for control in 0..23 do
                    if not (Seq.contains control (model.ScopeOf 3).Controls) then
                        for level in 0..2 do
                            let moved = Array.copy levels
                            moved[control] <- level
                            Expect.equal (predict moved) before $"control {control}"
            }

            test "predicts what was measured of its own service" {
                let model = fit 5 400

                for measured in measurements 5 20 do
                    for service in 0..4 do
                        let predicted =
                            model.PredictService(service, measured.Levels.AsSpan(), measured.OfferedLoads.AsSpan())

                        // The training rows themselves: a forest's mean over trees is near them, not on them.
                        Expect.isLessThan (abs (predicted - measured.Seconds[service])) 0.03 "within 30 ms"
            }
        ]
