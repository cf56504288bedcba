module OnlinePolicyAdaptation.Tests.Planning.Tables.ProblemSizeTests

open System
open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.GoldenModels

let private grid edge (levels: int list) =
    let controls =
        levels
        |> List.mapi (fun i count ->
            Control($"c{i}", ControlTarget.CpuCores(EquatableArray.ToEquatableArray [ i ]), 1.0, 4.0, count))

    ControlGrid(EquatableArray.ToEquatableArray controls, edge)

let private edges = [ GridEdge.Mask; GridEdge.Clip ]

[<Tests>]
let tests =
    testList
        "Planning.Tables.ProblemSize"
        [
            testProperty "it counts the states and choices of the model, before there is one" (fun (seed: uint64) ->
                let mesh = SmallMesh.ofSeed seed
                let size = ProblemSize.ofGrid mesh.Grid
                let model = NetworkModel.tabulate mesh.Dynamics mesh.Loads |> orFail

                (size.States, size.Actions, size.Pairs)
                |> Expect.equal "counts" (int64 model.StateCount, int64 mesh.Grid.ActionCount, int64 model.ChoiceCount))

            testCase "scenario 1 has 900 states, 81 actions and 72,900 pairs in 2.2 MB" (fun () ->
                let size = ProblemSize.ofGrid (grid GridEdge.Clip [ 5; 5; 6; 6 ])

                (size.States, size.Actions, size.Pairs)
                |> Expect.equal "counts" (900L, 81L, 72_900L)
                // 28 bytes for each pair, 216 for each state.
                size.Bytes |> Expect.equal "bytes" (28L * 72_900L + 216L * 900L)
                ProblemSize.fitting size |> Expect.equal "plans that fit" 960)

            testProperty
                "nothing overflows, whatever the number of controls and levels"
                (fun (counts: uint16 list) (more: uint16) ->
                    let levels =
                        [| for count in counts -> 1 + int count |]
                        |> Array.replicate (1 + int more % 100)
                        |> Array.concat

                    for edge in edges do
                        let size = ProblemSize.ofLevels edge levels
                        let numbers = [ size.States; size.Actions; size.Pairs; size.Bytes ]
                        Expect.isTrue "at least 1" (numbers |> List.forall (fun n -> n >= 1L))
                        // One more level makes nothing smaller.
                        let larger = ProblemSize.ofLevels edge (Array.append levels [| 2 |])
                        (size.States, larger.States) |> Expect.isLessThanOrEqual "states"
                        (size.Pairs, larger.Pairs) |> Expect.isLessThanOrEqual "pairs"
                        (size.Bytes, larger.Bytes) |> Expect.isLessThanOrEqual "bytes")

            testCase "1,000 controls are counted, and refused" (fun () ->
                for edge in edges do
                    let grid = grid edge (List.replicate 1000 5)
                    let size = ProblemSize.ofGrid grid

                    [ size.States; size.Actions; size.Pairs; size.Bytes ]
                    |> Expect.allEqual "as many as can be said" Int64.MaxValue

                    match ProblemSize.check grid with
                    | Ok _ -> failtest "accepted"
                    | Error message ->
                        message |> Expect.stringContains "controls" "1000 controls"
                        message |> Expect.stringContains "states" "more than 9e18 configurations")

            testCase "6 services on 6 nodes are refused with how large they are and what is possible" (fun () ->
                match ProblemSize.check (grid GridEdge.Mask [ 5; 5; 5; 5; 5; 5; 4; 4; 4; 4; 4; 4 ]) with
                | Ok _ -> failtest "accepted"
                | Error message ->
                    for part in
                        [
                            "12 controls"
                            "64,000,000 configurations"
                            "531,441 actions"
                            "4.8e12 pairs"
                            "at most 2.0 GiB"
                        ] do
                        message |> Expect.stringContains "says" part)

            testCase "what the message calls possible is" (fun () ->
                for levels in [ List.replicate 7 4; List.replicate 4 20 ] do
                    for edge in edges do
                        Expect.isOk $"{levels}" (ProblemSize.check (grid edge levels)))

            testCase "a grid beyond the limit is refused, and no table of it is made" (fun () ->
                let grid = grid GridEdge.Mask (List.replicate 8 5)

                let responseTimes =
                    { new IResponseTimeModel with
                        member _.Predict(_, _, _) = failtest "asked"
                    }

                let objectives =
                    EquatableArray.ToEquatableArray [ ServiceLevelObjective(ResponseTime 0.12) ]

                let reward =
                    RewardFunction(grid, objectives, [ Seq.ofList [ 0 ] ], CostAt.NextState, Nullable())

                NetworkModel.tabulate
                    (NetworkDynamics(grid, reward, responseTimes))
                    (EquatableArray.ToEquatableArray [ RequestRate 1.0 ])
                |> Expect.isError "too large")

            testCase "a box that no array can hold is refused" (fun () ->
                BoxModel.create (Array.create 40 2) [||] [||] |> Expect.isError "2^40 states")
        ]
