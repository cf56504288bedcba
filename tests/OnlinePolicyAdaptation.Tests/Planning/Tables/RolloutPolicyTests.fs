module OnlinePolicyAdaptation.Tests.Planning.Tables.RolloutPolicyTests

open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Domain.Policies
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests

let private dynamics =
    let seconds =
        TwoNodes.configurations |> List.map (TwoNodes.responseTime 0.16) |> List.toArray

    NetworkDynamics(TwoNodes.grid, TwoNodes.reward, ResponseTimeTable(TwoNodes.grid, 1, seconds))

let private grid = TwoNodes.grid
let private discount = TwoNodes.discount

let private orFail result =
    match result with
    | Ok value -> value
    | Error message -> failtest message

let private model = NetworkModel.tabulate dynamics TwoNodes.load |> orFail

let private table policy =
    NetworkModel.policy dynamics TwoNodes.load policy (RandomKey 0UL) model
    |> orFail

let private rollout horizon basePolicy =
    RolloutPolicy.create dynamics TwoNodes.load discount horizon basePolicy

let private bases: (string * IPolicy<SystemState, ControlAction>) list =
    [
        "static", StaticPolicy()
        "random", RandomPolicy()
        "greedy", GreedyPolicy(dynamics, grid)
    ]

let private states = NetworkModel.states grid TwoNodes.load

[<Tests>]
let tests =
    testList
        "Planning.Tables.RolloutPolicy"
        [
            for name, basePolicy in bases do
                for horizon in [ 1; 3 ] do
                    test $"on the {name} policy with horizon {horizon} it takes the decisions of rollout" {
                        let policy = rollout horizon basePolicy |> orFail
                        let baseTable = table basePolicy

                        for index in 0 .. states.Length - 1 do
                            let preferred = ValueSome(grid.IndexOf(ControlAction.Keep 2))
                            let decision = Rollout.decide model discount horizon baseTable preferred index
                            let mask = grid.Mask states[index].Configuration

                            policy.Act(states[index], mask, RandomKey 1UL)
                            |> grid.IndexOf
                            |> Expect.equal $"state {index}" decision.Action
                    }

            test "a rollout policy is no worse than its base policy, also as the next base policy" {
                for name, basePolicy in bases do
                    let once = rollout 1 basePolicy |> orFail
                    let twice = rollout 1 once |> orFail

                    let value policy =
                        PolicyEvaluation.exact model discount (table policy)

                    for worse, better in [ basePolicy, once; once, twice ] do
                        for low, high in Array.zip (value worse) (value better) do
                            Expect.isTrue $"{name}: {high} against {low}" (high >= low - 1e-9)
            }

            testProperty "a masked action is never chosen" (fun (seed: uint64) ->
                let policy = rollout 2 (StaticPolicy()) |> orFail
                let mutable random = RandomKey(seed).Sequence()

                for state in states do
                    let allowed =
                        grid.Mask(state.Configuration).Allowed
                        |> Seq.map (fun bits ->
                            match bits &&& uint64 (random.NextInt 8) with
                            | 0UL -> 0b010UL
                            | some -> some)

                    let mask = ActionMask(allowed.ToEquatableArray())
                    Expect.isTrue "allowed" (policy.Act(state, mask, RandomKey 1UL).IsAllowedBy mask))

            test "a horizon below 1 and a base policy that leaves the grid are refused" {
                Expect.isError "no step" (rollout 0 (StaticPolicy()))

                let leaving =
                    { new IPolicy<SystemState, ControlAction> with
                        member _.Act(_, _, _) =
                            ControlAction([ -1; -1 ].ToEquatableArray())
                    }

                Expect.isError "below the lowest level" (rollout 1 leaving)
            }
        ]
