module OnlinePolicyAdaptation.Tests.Domain.ControlGrid

open Expecto
open FsCheck
open FsCheck.FSharp
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Tests

/// Grids of one to four controls with two to five levels each.
type Grids =
    static member Grid() =
        let grid edge levels =
            let control i count =
                Control($"c{i}", ControlTarget.CpuCores(TwoNodes.array [ i ]), 1.0, float count, count)

            ControlGrid(levels |> List.mapi control |> TwoNodes.array, edge)

        gen {
            let! edge = Gen.elements [ GridEdge.Mask; GridEdge.Clip ]
            let! count = Gen.choose (1, 4)
            let! levels = Gen.listOfLength count (Gen.choose (2, 5))
            return grid edge levels
        }
        |> Arb.fromGen

let private config =
    { FsCheckConfig.defaultConfig with
        arbitrary = [ typeof<Grids> ]
    }

let private law name body = testPropertyWithConfig config name body

let private allowed (grid: ControlGrid) configuration =
    let mask = grid.Mask configuration

    [ 0 .. grid.ActionCount - 1 ]
    |> List.map grid.ActionAt
    |> List.filter (fun action -> Seq.forall (fun i -> mask.Allows(i, action.Choice i)) [ 0 .. mask.Components - 1 ])

[<Tests>]
let tests =
    testList
        "Domain.Network.ControlGrid"
        [
            law "configurations are numbered without gaps and in order" (fun (grid: ControlGrid) ->
                let numbers =
                    [ 0 .. grid.ConfigurationCount - 1 ]
                    |> List.map (grid.ConfigurationAt >> grid.IndexOf)

                Expect.equal numbers [ 0 .. grid.ConfigurationCount - 1 ] "each number comes back")

            law "actions are numbered without gaps and in order" (fun (grid: ControlGrid) ->
                let numbers =
                    [ 0 .. grid.ActionCount - 1 ]
                    |> List.map (fun i -> grid.IndexOf(grid.ActionAt i))

                Expect.equal numbers [ 0 .. grid.ActionCount - 1 ] "each number comes back")

            law "no move leaves the grid, masked or not" (fun (grid: ControlGrid) ->
                for i in 0 .. grid.ConfigurationCount - 1 do
                    for a in 0 .. grid.ActionCount - 1 do
                        let next = grid.Move(grid.ConfigurationAt i, grid.ActionAt a)
                        Expect.isTrue (grid.Contains next) "on the grid")

            law "an action that the mask allows moves every control as it says" (fun (grid: ControlGrid) ->
                if grid.Edge = GridEdge.Mask then
                    for i in 0 .. grid.ConfigurationCount - 1 do
                        let before = grid.ConfigurationAt i

                        for action in allowed grid before do
                            let after = grid.Move(before, action)

                            Seq.zip3 before.Levels action.Moves after.Levels
                            |> Seq.iter (fun (b, move, a) -> Expect.equal a (b + move) "moved"))

            law "keeping everything is always allowed and changes nothing" (fun (grid: ControlGrid) ->
                let keep = ControlAction.Keep grid.Controls.Count

                for i in 0 .. grid.ConfigurationCount - 1 do
                    let configuration = grid.ConfigurationAt i
                    Expect.contains (allowed grid configuration) keep "allowed"
                    Expect.equal (grid.Move(configuration, keep)) configuration "unchanged")

            test "every action is allowed at every edge of a grid that clips" {
                let grid = TwoNodes.gridWith GridEdge.Clip
                Expect.equal (allowed grid (grid.ConfigurationAt 0)).Length 9 "all nine"
            }

            test "the corner of a grid that masks has four moves" {
                Expect.equal (allowed TwoNodes.grid (TwoNodes.grid.ConfigurationAt 0)).Length 4 "two per control"
            }

            test "the last control runs fastest" {
                Expect.equal (TwoNodes.grid.ConfigurationAt 5) (TwoNodes.configuration 0.2 1.0) "p11 = 0.2, c1 = 1"
            }

            test "levels decode to the decimal numbers people write" {
                let values = [ for level in 0..5 -> TwoNodes.controls[0].Value level ]
                Expect.equal values [ 0.0; 0.2; 0.4; 0.6; 0.8; 1.0 ] "exactly"
            }

            test "a value between two levels has no level" {
                Expect.isFalse (TwoNodes.controls[0].Level 0.3).HasValue "0.3 of steps of 0.2"
                Expect.isFalse (TwoNodes.controls[0].Level 1.2).HasValue "beyond the grid"
                Expect.isFalse (TwoNodes.controls[0].Level nan).HasValue "not a number"
            }

            test "a control that runs backwards is refused with its bounds" {
                let build () =
                    Control("c1", ControlTarget.CpuCores(TwoNodes.array [ 0 ]), 5.0, 1.0, 5)
                    |> ignore

                Expect.throwsC build (fun e -> Expect.stringContains e.Message "c1 runs from 5 to 1" "names both")
            }
        ]
