module OnlinePolicyAdaptation.Tests.Training.Ppo

open System
open System.Threading
open Expecto
open TorchSharp
open OnlinePolicyAdaptation.Domain.Mdp
open OnlinePolicyAdaptation.Domain.Network
open OnlinePolicyAdaptation.Learning.ActorCritic
open OnlinePolicyAdaptation.Planning
open OnlinePolicyAdaptation.Training
open OnlinePolicyAdaptation.Tests
open OnlinePolicyAdaptation.Tests.Training

/// Small nodes: node 2 answers too slowly, node 1 needs two cores.
let private dynamicsWith onNode2 =
    let model =
        { new IResponseTimeModel with
            member _.Predict(configuration, _, responseTimes) =
                responseTimes[0] <- TwoNodes.responseTime onNode2 configuration
        }

    NetworkDynamics(TwoNodes.grid, TwoNodes.reward, model)

let private dynamics = dynamicsWith 0.3

let private problemOf dynamics =
    TrainingProblem.ExploringStarts(dynamics, [| TwoNodes.load |])

let private problem = problemOf dynamics

let private table =
    match NetworkModel.tabulate dynamics TwoNodes.load with
    | Ok model -> model
    | Error message -> invalidOp message

let private meanValue policy =
    match NetworkModel.policy dynamics TwoNodes.load policy (RandomKey 0UL) table with
    | Ok policy -> PolicyEvaluation.exact table TwoNodes.discount policy |> Array.average
    | Error message -> failtest message

let private optimum =
    (DynamicProgramming.policyIteration table TwoNodes.discount).Values
    |> Array.average

let private train (options: PpoOptions) seed =
    Ppo.Train(problem, options, RandomKey seed, (fun policy -> meanValue policy))

let private short = PpoOptions.Fast.WithSteps 5_000L

let private bytes (result: TrainingResult) =
    PolicyFile.Write(
        SavedPolicy(
            result.Policy.Network,
            result.Policy.Encoding,
            PolicyOrigin("two nodes", Nullable(), Collections.Immutable.ImmutableSortedDictionary.Empty)
        )
    )

let private states =
    TwoNodes.configurations
    |> List.map (fun configuration -> SystemState(configuration, TwoNodes.load))

let private inputs =
    [
        for state in states do
            let observation = Array.zeroCreate<float32> 2
            problem.Encoding.Encode(state, Span observation)
            float observation[0]
            float observation[1]
    ]
    |> Tensors.vector
    |> Tensors.shaped [ int64 states.Length; 2L ]

/// Outputs of a network on spans, for all states.
let private evaluated (network: MultilayerPerceptron) =
    (Tensors.toArray inputs |> Array.map float32 |> Array.chunkBySize 2)
    |> Array.collect (fun observation ->
        let outputs = Array.zeroCreate<float32> network.Outputs
        network.Evaluate(ReadOnlySpan observation, Span outputs)
        outputs |> Array.map float)

let private largestDifference a b =
    Array.map2 (fun x y -> abs (x - y)) a b |> Array.max

/// A batch that one environment collected with new networks, and what is needed to learn from it.
let private collected (options: PpoOptions) =
    let networks =
        NetworkInitialisation.Create(problem.Encoding, options.HiddenLayers, RandomKey 3UL)

    let observed = ObservedStates problem.Encoding
    observed.Use networks
    let batch = Trajectories(options.Environments, options.StepsPerUpdate, 2)
    let collector = TrajectoryCollector(problem, observed, options, RandomKey 4UL)
    collector.Collect batch |> ignore
    struct (networks, observed, batch)

let private gradientOf (networks: ParameterVector) minibatch =
    networks.Gradients.zero_ () |> ignore
    PpoLoss.Of(networks, minibatch, PpoOptions.Fast, 0.0).backward()
    Tensors.toArray networks.Gradients

[<Tests>]
let tests =
    testList
        "Training.Ppo"
        [
            test "a trained policy is within 1 % of the optimum of a small mesh" {
                let result = train (PpoOptions.Fast.WithSteps 60_000L) 1UL
                Expect.isGreaterThan result.Score (0.99 * optimum) $"optimum {optimum}"
                Expect.isTrue result.IsComplete "all steps"
            }

            test "the settings of the published work reach it too" {
                let result = train (PpoOptions.Paper.WithSteps 15_000L) 1UL
                Expect.isGreaterThan result.Score (0.99 * optimum) $"optimum {optimum}"
            }

            test "the same seed gives the same policy, another one another" {
                Expect.equal (bytes (train short 1UL)) (bytes (train short 1UL)) "same seed"
                Expect.notEqual (bytes (train short 1UL)) (bytes (train short 2UL)) "other seed"
            }

            test "the best policy is kept, not the last" {
                let scores = ResizeArray<float>()

                // The first policy after some training is called the best.
                let evaluate (_: NetworkPolicy) =
                    let score = if scores.Count = 2 then 1.0 else 0.0
                    scores.Add score
                    score

                let result =
                    Ppo.Train(problem, PpoOptions.Fast.WithSteps 20_000L, RandomKey 1UL, evaluate)

                Expect.isGreaterThan scores.Count 3 "evaluated again and again"
                Expect.equal result.Score 1.0 "the best one"
                Expect.isGreaterThan result.Steps 0L "found on the way"
                Expect.isLessThan result.Steps 20_000L "found on the way"
            }

            test "a cancelled training gives the best policy so far" {
                use stop = new CancellationTokenSource()

                let onProgress (progress: TrainingProgress) =
                    if progress.Steps >= 2_048L then
                        stop.Cancel()

                let result =
                    Ppo.Train(
                        problem,
                        PpoOptions.Paper.WithSteps 1_000_000_000L,
                        RandomKey 1UL,
                        (fun policy -> meanValue policy),
                        onProgress,
                        null,
                        stop.Token
                    )

                Expect.isFalse result.IsComplete "stopped"
                Expect.isLessThanOrEqual result.Steps 2_048L "nothing after the stop"
                Expect.isTrue (Double.IsFinite result.Score) "a policy"
            }

            test "a policy that was sure of another system is unlearned" {
                let options = PpoOptions.Fast.WithSteps 60_000L

                for seed in 1UL .. 4UL do
                    // The last policy rather than the best: it has become surest.
                    let evaluations = ref 0.0

                    let later _ =
                        evaluations.Value <- evaluations.Value + 1.0
                        evaluations.Value

                    let sure =
                        Ppo.Train(problemOf (dynamicsWith 0.08), options, RandomKey seed, (fun policy -> later policy))

                    let result =
                        Ppo.Train(
                            problem,
                            options,
                            RandomKey seed,
                            (fun policy -> meanValue policy),
                            null,
                            sure.Policy.Network
                        )

                    Expect.isGreaterThan result.Score (0.99 * optimum) $"seed {seed}, optimum {optimum}"
            }

            test "a warm start begins where the other training ended" {
                let first = train (PpoOptions.Fast.WithSteps 60_000L) 1UL
                let options = PpoOptions.Fast.WithSteps 1L

                let second =
                    Ppo.Train(
                        problem,
                        options,
                        RandomKey 9UL,
                        (fun policy -> meanValue policy),
                        null,
                        first.Policy.Network
                    )

                Expect.isGreaterThanOrEqual second.Score first.Score "nothing is lost"
            }

            for hidden in [ [ 64; 64 ]; [ 128; 128; 128 ]; [ 7 ]; [] ] do
                test $"torch and our own inference agree to 1e-5, hidden layers {hidden}" {
                    let networks =
                        NetworkInitialisation.Create(
                            problem.Encoding,
                            EquatableArray.ToEquatableArray hidden,
                            RandomKey 5UL
                        )

                    use parameters = new ParameterVector(networks)
                    use _ = torch.NewDisposeScope()
                    let copy = parameters.ToNetworks()

                    for torchSide, ours in [ parameters.Actor, copy.Actor; parameters.Critic, copy.Critic ] do
                        let difference =
                            largestDifference (Tensors.toArray (torchSide.Forward inputs)) (evaluated ours)

                        Expect.isLessThan difference 1e-5 "logits and values"
                }

            test "steps that share a row give the gradient of steps that do not" {
                let struct (networks, observed, batch) = collected PpoOptions.Fast
                use parameters = new ParameterVector(networks)
                use buffer = new MinibatchBuffer(batch.Count, 2, 2)
                use _ = torch.NewDisposeScope()

                let minibatch =
                    buffer.Fill(batch, observed, ReadOnlySpan [| 0 .. batch.Count - 1 |])

                Expect.isLessThanOrEqual minibatch.Observations.shape[0] 30L "one row per state"
                let shared = gradientOf parameters minibatch
                // The same steps, each with a row of its own.
                let count = int64 batch.Count
                let rows = minibatch.Rows
                let choiceInRow = minibatch.Choices - (rows * Scalar.op_Implicit 6L).view(-1L, 1L)
                let own = torch.arange (Scalar.op_Implicit count, torch.int64)

                let separate =
                    Minibatch(
                        minibatch.Observations.index_select (0L, rows),
                        minibatch.Forbidden.index_select (0L, rows),
                        Tensors.vector (List.replicate (int count) (1.0 / float count)),
                        own,
                        choiceInRow + (own * Scalar.op_Implicit 6L).view(-1L, 1L),
                        minibatch.LogProbabilities,
                        minibatch.Values,
                        minibatch.Advantages,
                        minibatch.Returns
                    )

                Expect.isLessThan (largestDifference shared (gradientOf parameters separate)) 1e-5 "same loss"
            }

            test "trajectories obey masks, and their probabilities are the policy's" {
                let struct (networks, observed, batch) = collected PpoOptions.Fast

                let policy =
                    NetworkPolicy(ActorCriticNetwork(networks.Actor, networks.Critic), problem.Encoding)

                let probabilities = Array.zeroCreate<float> 6

                for step in 0 .. batch.Count - 1 do
                    let state = observed.State batch.Rows[step]
                    let mask = TwoNodes.grid.Mask state.Configuration
                    policy.Probabilities(state, mask, Span probabilities)
                    let first, second = int batch.Choices[2 * step], int batch.Choices[2 * step + 1]
                    Expect.isTrue (mask.Allows(0, first) && mask.Allows(1, second)) "admissible"

                    let expected = log (probabilities[first] * probabilities[3 + second])
                    Expect.isLessThan (abs (expected - float batch.LogProbabilities[step])) 1e-5 "as drawn"
                    Expect.isLessThan (abs (policy.Value state - float batch.Values[step])) 1e-5 "as valued"
            }

            test "initial weights are orthogonal, of the length asked for" {
                for rows, columns in [ 5, 3; 3, 5; 64, 2; 6, 64 ] do
                    let w =
                        NetworkInitialisation.Orthogonal(rows, columns, 0.5, RandomKey 1UL)
                        |> Array.map float
                        |> Array.chunkBySize columns

                    let vectors = if rows <= columns then w else Array.transpose w

                    for i, a in Array.indexed vectors do
                        for j, b in Array.indexed vectors do
                            let product = Array.map2 (*) a b |> Array.sum
                            let expected = if i = j then 0.25 else 0.0
                            Expect.isLessThan (abs (product - expected)) 1e-6 $"{rows} x {columns}"
            }

            test "Adam takes the steps that torch's takes" {
                let values = [ for i in 1..21 -> float i / 10.0 ]
                let ours = values |> List.map float32 |> List.toArray
                let parameter = torch.nn.Parameter(Tensors.vector values)
                use theirs = torch.optim.Adam([ parameter ], 0.01, 0.9, 0.999, 1e-5)
                let adam = Adam 21

                for step in 1..50 do
                    let gradient = [ for i in 1..21 -> cos (float (step * i)) ]
                    parameter.grad <- Tensors.vector gradient
                    theirs.step () |> ignore
                    adam.Step(Span ours, ReadOnlySpan(gradient |> List.map float32 |> List.toArray), 1f, 0.01)

                Expect.isLessThan
                    (largestDifference (ours |> Array.map float) (Tensors.toArray parameter))
                    1e-5
                    "50 steps"
            }

            test "settings out of their range are refused by name" {
                for set, name in
                    [
                        (fun () -> PpoOptions(Environments = 0) |> ignore), "Environments is 0"
                        (fun () -> PpoOptions(Discount = 1.0) |> ignore), "Discount is 1"
                        (fun () -> PpoOptions(RewardScale = nan) |> ignore), "RewardScale is NaN"
                        (fun () -> PpoOptions(ClipRange = LinearSchedule(0.2, 0.0)) |> ignore), "ClipRange is"
                        (fun () -> PpoOptions(LearningRate = LinearSchedule(1.0, infinity)) |> ignore),
                        "LearningRate is"
                    ] do
                    Expect.throwsC set (fun e -> Expect.stringContains e.Message name "name and value")
            }
        ]
