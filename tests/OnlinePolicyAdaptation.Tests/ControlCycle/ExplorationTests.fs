module OnlinePolicyAdaptation.Tests.ControlCycle.ExplorationTests

open Expecto
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests
open OnlinePolicyAdaptation.ControlCycle

/// A routing weight of six levels, and cores from so many in steps of one.
let private grid lowest =
    ControlGrid(
        TwoNodes.array
            [
                Control("p11", ControlTarget.RoutingWeight(0, 0), 0.0, 1.0, 6)
                Control("c1", ControlTarget.CpuCores(TwoNodes.array [ 0; 1 ]), float lowest, float (lowest + 4), 5)
            ]
    )

let private at levels = Configuration(TwoNodes.array levels)

let private cases =
    [
        "between recorded levels, with gaps", 1, Exploration.Recorded, [ [ 5; 3 ]; [ 2; 1 ] ], [ (2, 5); (1, 3) ]
        "one level: the control stays", 1, Exploration.Recorded, [ [ 4; 2 ] ], [ (4, 4); (2, 2) ]
        "a weight of 0 is no lack of capacity, 0 cores are", 0, Exploration.Recorded, [], [ (0, 5); (1, 4) ]
        "without a recording: all of the grid that serves", 1, Exploration.Recorded, [], [ (0, 5); (0, 4) ]
        "0 cores are not entered, though they were recorded",
        0,
        Exploration.Recorded,
        [ [ 0; 0 ]; [ 5; 3 ] ],
        [ (0, 5); (1, 3) ]
        "nothing but 0 cores recorded: the fewest that serve", 0, Exploration.Recorded, [ [ 0; 0 ] ], [ (0, 0); (1, 1) ]
        "all: the grid as it is", 0, Exploration.All, [ [ 4; 2 ] ], [ (0, 5); (0, 4) ]
    ]

[<Tests>]
let tests =
    testList
        "ControlCycle.Exploration"
        [
            for name, lowest, exploration, recorded, expected in cases ->
                testCase name (fun () ->
                    Expect.equal
                        [
                            for struct (lowest, highest) in
                                Exploration.levels (grid lowest) exploration (recorded |> List.map at) ->
                                lowest, highest
                        ]
                        expected
                        "levels that may be entered")
        ]
