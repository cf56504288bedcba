module OnlinePolicyAdaptation.Tests.Service.Oscillation

open Expecto
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Service
open OnlinePolicyAdaptation.Tests

/// After how many decisions, from 1, which control is said to go to and fro; none: never.
let private said (moves: int list list) =
    let oscillation = Oscillation 2

    moves
    |> List.indexed
    |> List.tryPick (fun (i, moves) ->
        match oscillation.Next(ControlAction(TwoNodes.array moves)) with
        | ValueSome control -> Some(i + 1, control)
        | ValueNone -> None)

let private repeated count moves =
    List.replicate count moves |> List.concat

[<Tests>]
let tests =
    testList
        "Service.Oscillation"
        [
            test "ten turns in twenty decisions are going to and fro" {
                Expect.equal (said (repeated 30 [ [ 0; 1 ]; [ 0; -1 ] ])) (Some(11, 1)) "the first move turns nothing"
                Expect.equal (said (repeated 30 [ [ 1; 0 ]; [ -1; 0 ] ])) (Some(11, 0)) "its control"
                Expect.equal (said (repeated 5 [ [ 0; 1 ]; [ 0; -1 ] ])) None "nine turns are not enough"
            }

            test "a turn after a pause of one decision counts, after a longer one it does not" {
                Expect.equal
                    (said (repeated 30 [ [ 1; 0 ]; [ 0; 0 ]; [ -1; 0 ]; [ 0; 0 ] ]))
                    (Some(21, 0))
                    "every other one"

                Expect.equal
                    (said (repeated 30 [ [ 1; 0 ]; [ 0; 0 ]; [ 0; 0 ]; [ -1; 0 ]; [ 0; 0 ]; [ 0; 0 ] ]))
                    None
                    "rarely"
            }

            test "moves in one direction, keeping, and turns long ago are none" {
                Expect.equal (said (repeated 60 [ [ 1; -1 ] ])) None "one direction"
                Expect.equal (said (repeated 60 [ [ 0; 0 ] ])) None "keeping"

                let nine = repeated 5 [ [ 0; 1 ]; [ 0; -1 ] ]
                Expect.equal (said (nine @ repeated 20 [ [ 0; 0 ] ] @ nine)) None "long ago"
            }
        ]
