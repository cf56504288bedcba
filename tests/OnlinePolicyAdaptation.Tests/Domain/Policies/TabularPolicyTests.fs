module OnlinePolicyAdaptation.Tests.Domain.TabularPolicy

open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Tests

let private act (policy: TabularPolicy) configuration =
    policy.Act(SystemState(configuration, TwoNodes.load), TwoNodes.grid.Mask configuration, RandomKey 1UL)

[<Tests>]
let tests =
    testList
        "Domain.Policies.TabularPolicy"
        [
            test "acts as the table says" {
                let action =
                    act (TwoNodes.constantPolicy [ 1; -1 ]) (TwoNodes.configuration 0.4 3.0)

                Expect.equal action.Moves (TwoNodes.array [ 1; -1 ]) "in the middle of the grid"
            }

            test "leaves out a masked move and makes the others" {
                let action =
                    act (TwoNodes.constantPolicy [ 1; -1 ]) (TwoNodes.configuration 1.0 3.0)

                Expect.equal action.Moves (TwoNodes.array [ 0; -1 ]) "p11 is at its end"
            }

            test "a table of another size is refused" {
                Expect.throwsC
                    (fun () -> TabularPolicy(TwoNodes.grid, System.ReadOnlySpan [| 0; 1 |]) |> ignore)
                    (fun e -> Expect.stringContains e.Message "2 actions given for 30" "both numbers")
            }
        ]
