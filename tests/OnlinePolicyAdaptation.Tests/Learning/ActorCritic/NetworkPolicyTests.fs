module OnlinePolicyAdaptation.Tests.Learning.ActorCritic.NetworkPolicy

open System
open System.Collections.Immutable
open Expecto
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Tests

let private states =
    [
        for configuration in TwoNodes.configurations -> SystemState(configuration, TwoNodes.load)
    ]

let private probabilities (policy: ActorPolicy) state (mask: ActionMask) =
    let result = Array.create (3 * mask.Components) nan
    policy.Probabilities(state, mask, Span result)
    Array.chunkBySize 3 result

/// The policy of an actor that ignores the state: its logits are these biases.
let private constant decision (logits: float32 list) =
    let encoding =
        ObservationEncoding.Normalised(TwoNodes.grid, [ LoadRange(RequestRate 5.0, RequestRate 5.0) ])

    let zeros = ImmutableArray.CreateRange(Array.zeroCreate<float32>(2 * logits.Length))
    let layer = DenseLayer(2, logits.Length, zeros, ImmutableArray.CreateRange logits)

    ActorPolicy(
        ActorCriticNetwork(MultilayerPerceptron(ImmutableArray.Create layer, Activation.Tanh), null),
        encoding,
        decision
    )

let private inside = SystemState(TwoNodes.configuration 0.4 3.0, TwoNodes.load)
let private all = TwoNodes.grid.Mask inside.Configuration

let private moves (policy: ActorPolicy) mask =
    policy.Act(inside, mask, RandomKey 1UL).Moves |> Seq.toList

let private mask (allowed: uint64 list) = ActionMask(TwoNodes.array allowed)

[<Tests>]
let tests =
    testList
        "Learning.ActorCritic.NetworkPolicy"
        [
            test "probabilities sum to 1, and a masked choice has exactly 0" {
                let policy = Networks.policy (RandomKey 1UL) ActionSelection.Sampled

                for state in states do
                    let mask = TwoNodes.grid.Mask state.Configuration

                    for i, row in Array.indexed (probabilities policy state mask) do
                        Expect.floatClose Accuracy.high (Array.sum row) 1.0 "distribution"

                        for choice in 0..2 do
                            Expect.equal (row[choice] > 0.0) (mask.Allows(i, choice)) "positive where allowed"
            }

            test "masking renormalises what is left" {
                let policy =
                    constant ActionSelection.Sampled [ log 1.0f; log 2.0f; log 5.0f; 0.0f; 0.0f; 0.0f ]

                let row = (probabilities policy inside (mask [ 0b011UL; 0b111UL ]))[0]
                Expect.floatClose Accuracy.medium row[0] (1.0 / 3.0) "1 of 1 + 2"
                Expect.floatClose Accuracy.medium row[1] (2.0 / 3.0) "2 of 1 + 2"
                Expect.equal row[2] 0.0 "masked"
            }

            test "the likeliest admissible choice is taken; of equals keep, then down" {
                let policy =
                    constant ActionSelection.Likeliest [ 1.0f; 0.0f; 2.0f; 1.0f; 1.0f; 1.0f ]

                Expect.equal (moves policy all) [ 1; 0 ] "likeliest; keep"
                Expect.equal (moves policy (mask [ 0b011UL; 0b101UL ])) [ -1; -1 ] "without up; without keep"
            }

            test "draws follow the probabilities" {
                // 20,000 draws: a standard error of 0.0035 at most, and the bound is five of them.
                let policy =
                    constant ActionSelection.Sampled [ log 1.0f; log 2.0f; log 5.0f; 0.0f; 0.0f; 0.0f ]

                let draws = 20_000

                let counts =
                    [ for i in 1..draws -> policy.Act(inside, all, RandomKey(uint64 i)).Moves[0] ]
                    |> List.countBy id
                    |> Map.ofList

                for move, probability in [ -1, 0.125; 0, 0.25; 1, 0.625 ] do
                    let share = float counts[move] / float draws
                    Expect.isLessThan (abs (share - probability)) 0.018 $"move {move}"
            }

            test "overflowing logits still give an admissible action and a distribution" {
                let huge = Single.MaxValue

                let layer =
                    DenseLayer(
                        2,
                        6,
                        ImmutableArray.CreateRange(Array.create 12 huge),
                        ImmutableArray.CreateRange(Array.create 6 huge)
                    )

                let network =
                    ActorCriticNetwork(MultilayerPerceptron(ImmutableArray.Create layer, Activation.Relu), null)

                let encoding =
                    ObservationEncoding.Normalised(TwoNodes.grid, [ LoadRange(RequestRate 5.0, RequestRate 5.0) ])

                for decision in [ ActionSelection.Likeliest; ActionSelection.Sampled ] do
                    let policy = ActorPolicy(network, encoding, decision)

                    for state in states do
                        let mask = TwoNodes.grid.Mask state.Configuration
                        let action = policy.Act(state, mask, RandomKey 1UL)
                        Expect.isTrue (action.IsAllowedBy mask) "admissible"

                        for row in probabilities policy state mask do
                            Expect.floatClose Accuracy.high (Array.sum row) 1.0 "distribution"
            }

            test "the normalised encoding maps each range onto -1 to 1 and leaves out a fixed load" {
                let encoding =
                    ObservationEncoding.Normalised(
                        TwoNodes.grid,
                        [
                            LoadRange(RequestRate 5.0, RequestRate 5.0)
                            LoadRange(RequestRate 5.0, RequestRate 15.0)
                        ]
                    )

                let encode p c load =
                    let observation = Array.zeroCreate<float32> 3
                    let loads = TwoNodes.array [ RequestRate 5.0; RequestRate load ]
                    encoding.Encode(SystemState(TwoNodes.configuration p c, loads), Span observation)
                    observation

                Expect.equal (encode 0.0 1.0 5.0) [| -1.0f; -1.0f; -1.0f |] "lowest"
                Expect.equal (encode 1.0 5.0 15.0) [| 1.0f; 1.0f; 1.0f |] "highest"
                Expect.equal (encode 0.2 3.0 10.0) [| -0.6f; 0.0f; 0.0f |] "between"
            }

            test "a network that does not fit the controls is refused" {
                let encoding, _ = Networks.actorCritic (RandomKey 1UL) []

                let other =
                    ActorCriticNetwork(Networks.perceptron (RandomKey 1UL) Activation.Tanh [ 3; 9 ], null)

                Expect.throwsT<ArgumentException> (fun () -> ActorPolicy(other, encoding) |> ignore) "3 controls, not 2"
            }
        ]
