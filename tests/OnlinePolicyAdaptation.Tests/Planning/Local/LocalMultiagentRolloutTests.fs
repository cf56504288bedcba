module OnlinePolicyAdaptation.Tests.Planning.Local.LocalMultiagentRolloutTests

open System
open Expecto
open Expecto.Flip
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Tests.Fixtures
open OnlinePolicyAdaptation.Tests.Fixtures.LocalModels

let private discount = GoldenModels.discount 0.9

let private decide (p: LocalProblem) =
    LocalMultiagentRollout.decide
        p.Model
        p.Policy
        discount
        (Array.init p.State.Length id)
        p.Steps
        (fun sums -> 3.0 * sums[1])
        p.State

let private truncation (p: LocalProblem) =
    let model = p.Model

    let terminal (state: Configuration) =
        let levels = Seq.toArray state.Levels

        3.0
        * Seq.sum (
            Seq.init model.Layout.TermCount id
            |> Seq.filter (fun term -> model.Layout.SumOf term = 1)
            |> Seq.map (fun term -> model.Term(term, ReadOnlySpan levels))
        )

    {
        Model = asSystemModel model
        Discount = discount
        BasePolicy = asBasePolicy model p.Policy
        Steps = p.Steps
        Terminal = terminal
    }

let private configuration (levels: int[]) =
    Configuration(EquatableArray.ToEquatableArray levels)

let private qFactor p (moves: int[]) =
    TruncatedRollout.sampleQFactor
        (truncation p)
        (RandomKey 1UL)
        (configuration p.State)
        (ControlAction(EquatableArray.ToEquatableArray moves))

let private composed (p: LocalProblem) : ComposedActions<Configuration, ControlAction> =
    let mask (state: Configuration) =
        Seq.map2
            (fun level count ->
                (if level > 0 then 1UL else 0UL)
                ||| 2UL
                ||| (if level < count - 1 then 4UL else 0UL))
            state.Levels
            p.LevelCounts
        |> EquatableArray.ToEquatableArray
        |> ActionMask

    {
        Mask = mask
        Choice = fun action i -> action.Choice i
        WithChoice = fun action i choice -> action.With(i, choice)
    }

[<Tests>]
let tests =
    testList
        "Planning.Local.LocalMultiagentRollout"
        [
            law "its values are those of simulating every step in full" (fun (p: LocalProblem) ->
                let decision = decide p

                [| decision.Value; decision.BaseValue |]
                |> Values.close "values" [| qFactor p decision.Moves; qFactor p decision.BaseMoves |])

            law "it reaches the value of multiagent rollout on the system model" (fun (p: LocalProblem) ->
                let sampled =
                    SampledMultiagentRollout.decide
                        (truncation p)
                        (composed p)
                        (Array.init p.State.Length id)
                        1
                        (RandomKey 1UL)
                        (configuration p.State)

                let decision = decide p

                // Sums are rounded in another order, so ties may be broken otherwise; then the paths may part.
                if decision.Moves = Seq.toArray sampled.Best.Action.Moves then
                    [| decision.Value |] |> Values.close "value" [| sampled.Best.QFactor.Mean |]

                [| decision.BaseValue |]
                |> Values.close "base value" [| sampled.Base.QFactor.Mean |])

            law "its Q-factor is no smaller than that of the base moves" (fun (p: LocalProblem) ->
                let decision = decide p
                (decision.Value, decision.BaseValue) |> Expect.isGreaterThanOrEqual "Q-factor")

            law "no component alone improves the last one's choice" (fun (p: LocalProblem) ->
                let decision = decide p
                let last = p.State.Length - 1

                for move in -1 .. 1 do
                    let level = p.State[last] + move

                    if level >= 0 && level < p.LevelCounts[last] then
                        [| decision.Value |]
                        |> Values.nowhereWorse $"move {move}" [| qFactor p (Array.updateAt last move decision.Moves) |])

            law "a move that leaves the grid is never chosen" (fun (p: LocalProblem) ->
                Array.iteri2
                    (fun i level move ->
                        let next = level + move
                        Expect.isTrue $"component {i}" (next >= 0 && next < p.LevelCounts[i] && abs move <= 1))
                    p.State
                    (decide p).Moves)

            law "every order keeps the base moves' value or more" (fun (p: LocalProblem) ->
                let decision =
                    LocalMultiagentRollout.decide
                        p.Model
                        p.Policy
                        discount
                        (Array.init p.State.Length (fun i -> p.State.Length - 1 - i))
                        p.Steps
                        (fun _ -> 0.0)
                        p.State

                (decision.Value, decision.BaseValue) |> Expect.isGreaterThanOrEqual "Q-factor")

            testCase "on a mesh, it decides as multiagent rollout on the network's dynamics" (fun () ->
                let services = 5
                let dynamics = RingMesh.dynamics services
                let local = RingMesh.localDynamics services
                let policy = RingMesh.policy services

                let loads =
                    EquatableArray.ToEquatableArray(RingMesh.loads services: RequestRate seq)

                let truncation =
                    {
                        Model = dynamics
                        Discount = discount
                        BasePolicy = fun (state: SystemState) key -> asBasePolicy local policy state.Configuration key
                        Steps = 4
                        Terminal = fun _ -> 0.0
                    }

                let order = [| 0 .. 2 * services - 1 |]
                let mutable sequence = RandomKey(4UL).Sequence()

                for _ in 1..30 do
                    let levels = Array.zeroCreate<int> order.Length

                    for i in order do
                        levels[i] <- sequence.NextInt(dynamics.Grid.Controls[i].Levels)

                    let sampled =
                        SampledMultiagentRollout.decide
                            truncation
                            (SampledMultiagentRollout.ofGrid dynamics.Grid)
                            order
                            1
                            (RandomKey 1UL)
                            (SystemState(configuration levels, loads))

                    let decision =
                        LocalMultiagentRollout.decide local policy discount order 4 (fun _ -> 0.0) levels

                    decision.Moves |> Expect.equal "moves" (Seq.toArray sampled.Best.Action.Moves)
                    [| decision.Value |] |> Values.close "value" [| sampled.Best.QFactor.Mean |])

            testCase "a decision evaluates terms in proportion to the number of controls" (fun () ->
                let evaluations services =
                    let count = ref 0

                    let model =
                        RingMesh.localDynamics services
                        |> RingMesh.watched (fun () -> count.Value <- count.Value + 1)

                    let controls = 2 * services

                    LocalMultiagentRollout.decide
                        model
                        (RingMesh.policy services)
                        discount
                        (Array.init controls id)
                        10
                        (fun _ -> 0.0)
                        (Array.create controls 2)
                    |> ignore

                    float count.Value / float controls

                let few, many = evaluations 10, evaluations 1000

                (many / few, 1.2)
                |> Expect.isLessThan "evaluations per control, 2,000 controls to 20")
        ]
