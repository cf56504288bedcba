using System.Collections.Immutable;
using OnlinePolicyAdaptation.Domain.Mdp;
using OnlinePolicyAdaptation.Learning.ActorCritic;
using TorchSharp;

namespace OnlinePolicyAdaptation.Training;

/// <summary>How far a training is.</summary>
/// <param name="Steps">Steps taken by all environments together.</param>
/// <param name="Reward">Mean reward of a step of the last batch, in which the policy still explores; NaN before the first.</param>
/// <param name="Score">What the evaluation made of the policy without exploration; null where it was not asked.</param>
/// <param name="BestScore">The best score so far.</param>
/// <param name="Seconds">Since the training began, time for evaluations included.</param>
public sealed record TrainingProgress(long Steps, double Reward, double? Score, double BestScore, double Seconds);

/// <summary>What came out of a training.</summary>
/// <param name="Policy">The best policy found, of all that were evaluated.</param>
/// <param name="Score">Its score.</param>
/// <param name="Steps">Steps that were taken before it was found.</param>
/// <param name="IsComplete">Whether all steps were taken; otherwise the training was cancelled.</param>
public sealed record TrainingResult(NetworkPolicy Policy, double Score, long Steps, bool IsComplete);

/// <summary>Maskable proximal policy optimisation.</summary>
public static class Ppo
{
    /// <summary>
    /// Trains a policy. The same arguments give the same policy, bit for bit on the same kind of processor. One thread is
    /// used: on networks of this size a second one costs more than it brings.
    /// </summary>
    /// <param name="problem">On what.</param>
    /// <param name="options">How.</param>
    /// <param name="key">All chance comes from it.</param>
    /// <param name="evaluate">
    /// The score of a policy, higher being better; asked before the first update, every
    /// <see cref="PpoOptions.UpdatesPerEvaluation"/> updates and after the last. Training can reach the optimum and lose it
    /// again, so the policy with the best score is kept; of equal ones the first.
    /// </param>
    /// <param name="onProgress">Told after every update.</param>
    /// <param name="warmStart">
    /// Networks to go on from instead of new ones, whatever hidden layers they have, the actor's preferences weakened by
    /// <see cref="PpoOptions.WarmStartLogitScale"/>; without a critic, one like the actor is made.
    /// </param>
    /// <param name="cancellation">Ends the training after the current update.</param>
    /// <exception cref="ArgumentException">The networks do not fit the problem.</exception>
    public static TrainingResult Train(
        TrainingProblem problem,
        PpoOptions options,
        RandomKey key,
        Func<NetworkPolicy, double> evaluate,
        Action<TrainingProgress>? onProgress = null,
        ActorCriticNetwork? warmStart = null,
        CancellationToken cancellation = default
    )
    {
        torch.set_num_threads(1);
        var began = TimeProvider.System.GetTimestamp();
        var controls = problem.Encoding.Grid.Controls.Count;
        using var update = new PpoUpdate(Begin(problem, options, key.Split(0), warmStart), controls, options);
        var observed = new ObservedStates(problem.Encoding);
        var collector = new TrajectoryCollector(problem, observed, options, key.Split(1));
        var batch = new Trajectories(options.Environments, options.StepsPerUpdate, controls);
        var best = Evaluated(0);
        var steps = 0L;
        for (var updates = 1; steps < options.Steps && !cancellation.IsCancellationRequested; updates++)
        {
            observed.Use(update.Networks);
            var reward = collector.Collect(batch);
            update.Run(batch, observed, (double)steps / options.Steps, key.Split(2).Split(updates));
            steps += batch.Count;
            double? score = null;
            if (updates % options.UpdatesPerEvaluation == 0 || steps >= options.Steps)
            {
                var candidate = Evaluated(steps);
                score = candidate.Score;
                best = candidate.Score > best.Score ? candidate : best;
            }
            onProgress?.Invoke(
                new(steps, reward, score, best.Score, TimeProvider.System.GetElapsedTime(began).TotalSeconds)
            );
        }
        return best with { IsComplete = steps >= options.Steps };

        TrainingResult Evaluated(long steps)
        {
            var (actor, critic) = update.Networks;
            var policy = new NetworkPolicy(new(actor, Scaled(critic, 1 / options.RewardScale)), problem.Encoding);
            return new(policy, evaluate(policy), steps, false);
        }
    }

    /// <summary>The networks to start from, the critic for scaled rewards.</summary>
    private static ActorAndCritic Begin(
        TrainingProblem problem,
        PpoOptions options,
        RandomKey key,
        ActorCriticNetwork? warmStart
    ) =>
        warmStart is null
            ? NetworkInitialisation.Create(problem.Encoding, options.HiddenLayers, key)
            : new(
                Scaled(warmStart.Actor, options.WarmStartLogitScale),
                warmStart.Critic is { } critic
                    ? Scaled(critic, options.RewardScale)
                    : NetworkInitialisation.CriticFor(warmStart.Actor, key)
            );

    /// <summary>The network whose outputs are those of another times a factor.</summary>
    private static MultilayerPerceptron Scaled(MultilayerPerceptron network, double factor)
    {
        ImmutableArray<float> Times(ImmutableArray<float> values) =>
            [.. values.Select(value => (float)(value * factor))];

        var last = network.Layers[^1];
        return new(
            network.Layers.SetItem(
                network.Layers.Length - 1,
                new(last.Inputs, last.Outputs, Times(last.Weights), Times(last.Biases))
            ),
            network.Activation
        );
    }
}
