module OnlinePolicyAdaptation.Tests.Domain.HandWrittenPolicies

open Expecto
open OnlinePolicyAdaptation.Domain
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Tests

let private topology =
    Topology(TwoNodes.array [ "s" ], TwoNodes.array [ "n1"; "n2" ])

let private moves (policy: IPolicy<SystemState, ControlAction>) p c load =
    let configuration = TwoNodes.configuration p c
    let state = SystemState(configuration, TwoNodes.array [ RequestRate load ])

    policy.Act(state, TwoNodes.grid.Mask configuration, RandomKey 1UL).Moves
    |> Seq.toList

/// A request takes 0.4 CPU seconds.
let private threshold change =
    ThresholdPolicy(TwoNodes.grid, topology, change (ThresholdOptions(TwoNodes.array [ 0.4 ])))

let private rules (json: string) act =
    Scratch.withFile "rules.json" json (fun path -> act (RuleFile.Load(path, TwoNodes.grid, topology)))

let private refuses json part =
    Expect.throwsC (fun () -> rules json ignore) (fun e ->
        Expect.isTrue (e :? BadInputException) "bad input"
        Expect.stringContains e.Message part "says what is wrong")

[<Tests>]
let tests =
    testList
        "Domain.Policies.HandWritten"
        [
            // 0.4 CPU seconds per request over two nodes: 10 req/s use 2 cores of each control's node on average, and at a
            // target of 0.8 want 2.5 cores.
            test "a threshold adds a core above the target and its tolerance" {
                Expect.equal (moves (threshold id) 0.4 2.0 10.0) [ 0; 1 ] "2.5 of 2 cores"
                Expect.equal (moves (threshold id) 0.4 2.0 8.8) [ 0; 0 ] "2.2 of 2 cores: just the tolerance"
                Expect.equal (moves (threshold id) 0.4 2.0 8.9) [ 0; 1 ] "above it"
            }

            test "a threshold takes a core away only where the fewer would do" {
                Expect.equal (moves (threshold id) 0.4 3.0 10.0) [ 0; 0 ] "ceil(2.5) is 3"
                Expect.equal (moves (threshold id) 0.4 3.0 8.0) [ 0; -1 ] "2 cores are just the target"
                Expect.equal (moves (threshold id) 0.4 1.0 0.0) [ 0; 0 ] "at the lowest level"
            }

            test "a threshold judges going down by the window's highest load" {
                let policy =
                    threshold (fun o -> ThresholdOptions(o.CpuSecondsPerRequest, PeakLoad = 1.5))

                Expect.equal (moves policy 0.4 3.0 8.0) [ 0; 0 ] "12 req/s want 3 cores"
                Expect.equal (moves policy 0.4 3.0 5.0) [ 0; -1 ] "7.5 req/s want 1.9"
            }

            test "the first rule that holds and names a control moves it" {
                let json =
                    """[
                      { "when": [{ "control": "c1", "atLeast": 3 }, { "service": "s", "atMost": 8 }],
                        "move": { "c1": "down" } },
                      { "move": { "p11": "up", "c1": "up" } }
                    ]"""

                rules json (fun policy ->
                    Expect.equal (moves policy 0.4 3.0 8.0) [ 1; -1 ] "both rules"
                    Expect.equal (moves policy 0.4 3.0 9.0) [ 1; 1 ] "the load is too high for the first"
                    Expect.equal (moves policy 1.0 2.0 5.0) [ 0; 1 ] "p11 is at its end")
            }

            test "a bound holds on a computed value of the grid" {
                rules
                    """[{ "when": [{ "control": "p11", "atLeast": 0.6, "atMost": 0.6 }], "move": { "p11": "down" } }]"""
                    (fun policy ->
                        Expect.equal (moves policy 0.6 3.0 5.0) [ -1; 0 ] "0.6"
                        Expect.equal (moves policy 0.4 3.0 5.0) [ 0; 0 ] "0.4")
            }

            test "bad rules are refused and named" {
                refuses "[" "rules.json:1"
                refuses "null" "null"
                refuses "[null]" "[0]: no move"
                refuses """[{ "move": { "c9": "up" } }]""" "'c9'"
                refuses """[{ "move": { "c1": "left" } }]""" "'left'"
                refuses """[{ "when": [{ "control": "c1" }], "move": { "c1": "up" } }]""" "no bound"
                refuses """[{ "when": [{ "atMost": 1 }], "move": { "c1": "up" } }]""" "exactly one"
                refuses """[{ "when": [{ "service": "t", "atMost": 1 }], "move": { "c1": "up" } }]""" "'t'"
                refuses """[{ "moves": { "c1": "up" } }]""" "moves"
            }

            test "a table is read from JSON and checked" {
                let load json act =
                    Scratch.withFile "table.json" json (fun path ->
                        act (fun () -> TabularPolicy.Load(path, TwoNodes.grid)))

                let table n =
                    "[" + String.concat "," (List.replicate 30 (string n)) + "]"

                let refuses json (part: string) =
                    load json (fun read ->
                        Expect.throwsC (fun () -> read () |> ignore) (fun e ->
                            Expect.stringContains e.Message part "why"))

                load (table 8) (fun read -> Expect.equal (moves (read ()) 0.4 3.0 5.0) [ 1; 1 ] "action 8")
                refuses (table 9) "0 to 8"
                refuses "[4]" "30 configurations"
                refuses "{}" "array"
            }
        ]
