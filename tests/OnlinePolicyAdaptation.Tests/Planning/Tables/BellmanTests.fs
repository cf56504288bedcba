module OnlinePolicyAdaptation.Tests.Planning.Tables.BellmanTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.Generators

[<Tests>]
let tests =
    testList
        "Planning.Tables.Bellman"
        [
            law "the operators are those of the books" (fun (p: Problem) ->
                Bellman.optimality p.Model p.Discount p.Values
                |> Values.close "T" (SlowPlanner.optimality p.Process p.Values)

                Bellman.ofPolicy p.Model p.Discount (p.Finite p.Policies[0]) p.Values
                |> Values.close "T_mu" (SlowPlanner.underPolicy p.Process p.Policies[0] p.Values))

            law "the operators are monotone" (fun (p: Problem) (rises: FsCheck.PositiveInt[]) ->
                let rise s =
                    if rises.Length = 0 then
                        1.0
                    else
                        float rises[s % rises.Length].Get

                let higher = p.Values |> Array.mapi (fun s v -> v + rise s)
                let policy = p.Finite p.Policies[0]

                Bellman.optimality p.Model p.Discount higher
                |> Values.nowhereWorse "T" (Bellman.optimality p.Model p.Discount p.Values)

                Bellman.ofPolicy p.Model p.Discount policy higher
                |> Values.nowhereWorse "T_mu" (Bellman.ofPolicy p.Model p.Discount policy p.Values))

            law "the operators are gamma-contractions" (fun (p: Problem) (others: FsCheck.NormalFloat[]) ->
                let other s =
                    if others.Length = 0 then
                        1.0
                    else
                        others[s % others.Length].Get % 100.0

                let others = Array.init p.Values.Length other

                let distance a b =
                    Array.map2 (fun x y -> abs (x - y)) a b |> Array.max

                let bound = p.Process.Gamma * distance p.Values others + 1e-9
                let policy = p.Finite p.Policies[0]

                for operator in
                    [
                        Bellman.optimality p.Model p.Discount
                        Bellman.ofPolicy p.Model p.Discount policy
                    ] do
                    (distance (operator p.Values) (operator others), bound)
                    |> Expect.isLessThanOrEqual "distance")

            law "the greedy policy takes the first action of largest Q-factor" (fun (p: Problem) ->
                let policy = Bellman.greedy p.Model p.Discount p.Values

                for s in 0 .. policy.Length - 1 do
                    let q = Bellman.qFactors p.Model p.Discount p.Values s

                    policy[s] - p.Model.FirstChoice[s]
                    |> Expect.equal $"state {s}" (System.Array.IndexOf(q, Array.max q)))

            law "an operator applied repeatedly is its power" (fun (p: Problem) ->
                for count in 0..4 do
                    Bellman.iterated p.Model p.Discount count p.Values
                    |> Values.close
                        $"T^{count}"
                        (SlowPlanner.iterate count (SlowPlanner.optimality p.Process) p.Values))
        ]
